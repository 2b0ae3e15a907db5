import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** openapi.json, as a judge of requests and answers. */

export type Schema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Declared {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema; readonly 'x-event-data'?: Schema }>>;
}

interface RawOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly $ref?: string } & Declared>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Declared>>;
    readonly headers: Readonly<Record<string, { readonly schema: Schema }>>;
  };
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly body?: Schema;
  /** The query as one object. */
  readonly query?: Schema;
  /** By status. */
  readonly answers: Readonly<Record<number, Declared>>;
}

const text = readFileSync(fileURLToPath(new URL('../../../openapi.json', import.meta.url)), 'utf8');

/** The document under a name, which its references then say. */
function load(name: string): Document {
  return JSON.parse(text.replaceAll('"#/', `"${name}#/`)) as Document;
}

/** Health documents are Terminus's, whose indicators say what they like. */
const OPEN = /^(\/health|HealthIndicatorResult$)/;

/** Without room for a field that is not named: answers may grow, but then the document has to say so. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, OPEN.test(key) ? inner : closed(inner)] as const);
  const isOpen = 'properties' in value && !('additionalProperties' in value);
  return { ...Object.fromEntries(entries), ...(isOpen && { additionalProperties: false }) };
}

const requests = load('requests');
const answers = closed(load('answers')) as Document;
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ components: requests.components }, 'requests');
ajv.addSchema({ components: answers.components }, 'answers');
const compiled = new WeakMap<Schema, ValidateFunction>();

function compile(schema: Schema): ValidateFunction {
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  return validate;
}

export const operations: readonly Operation[] = Object.entries(requests.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, raw]) => {
    const inQuery = raw.parameters?.filter((one) => one.in === 'query') ?? [];
    const body = raw.requestBody?.content['application/json'].schema;
    return {
      id: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      ...(body && { body: resolve(body) }),
      ...(inQuery.length > 0 && { query: asObject(inQuery) }),
      answers: answersOf(answers.paths[path]?.[method]),
    };
  }),
);

/** The methods that a path has in the document. */
export function methodsOf(path: string): string[] {
  const methods = Object.keys(requests.paths[path] ?? {}).map((method) => method.toUpperCase());
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].sort();
}

function asObject(parameters: readonly Parameter[]): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
  };
}

/** What an operation may answer, with what any path may be answered besides. */
function answersOf(operation: RawOperation | undefined): Record<number, Declared> {
  const { responses } = answers.components;
  const own = Object.entries(operation?.responses ?? {}).map(([status, { $ref, ...declared }]) => [
    status,
    $ref === undefined ? declared : responses[$ref.split('/').at(-1) ?? ''],
  ]);
  const common = { 404: responses['NotFound'], 405: responses['MethodNotAllowed'] };
  return { ...common, ...Object.fromEntries(own) } as Record<number, Declared>;
}

/** The schema that a reference means. */
export function resolve(schema: Schema): Schema {
  const { $ref, ...rest } = schema;
  if (typeof $ref !== 'string') return schema;
  return { ...requests.components.schemas[$ref.split('/').at(-1) ?? ''], ...rest };
}

export function isValid(schema: Schema, value: unknown): boolean {
  return compile(schema)(value);
}

export interface AnswerToJudge {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** @returns how an answer departs from what the document says, undefined where it does not */
export function complaintAbout(
  { answers: all }: Operation,
  { status, headers, text }: AnswerToJudge,
): string | undefined {
  const declared = all[status];
  if (!declared) return `status ${status} is not declared`;
  for (const name of Object.keys(declared.headers ?? {})) {
    const value = headers[name.toLowerCase()];
    const schema = answers.components.headers[name]?.schema ?? {};
    const typed = schema['type'] === 'integer' ? Number(value) : value;
    if (value === undefined || !isValid(schema, typed)) return `header ${name} is ${String(value)}`;
  }
  const type = String(headers['content-type']).split(';')[0] ?? '';
  const content = declared.content?.[type] ?? declared.content?.['*/*'];
  if (!content) return `content type ${type} is not declared for ${status}`;
  if (content['x-event-data']) return complaintAboutEvents(content['x-event-data'], text);
  if (!type.endsWith('json') || !content.schema) return undefined;
  return complaintAboutJson(content.schema, text);
}

function complaintAboutEvents(schema: Schema, text: string): string | undefined {
  const data = [...text.matchAll(/^data: ([^\n]*)$/gm)].map(([, json = '']) => json);
  if (data.length === 0) return 'there is no event';
  return data.map((json) => complaintAboutJson(schema, json)).find((complaint) => complaint !== undefined);
}

function complaintAboutJson(schema: Schema, text: string): string | undefined {
  const validate = compile(schema);
  try {
    return validate(JSON.parse(text)) ? undefined : ajv.errorsText(validate.errors);
  } catch {
    return 'the answer is not JSON';
  }
}
