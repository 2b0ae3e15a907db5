import { getMetadataStorage } from './class.validator.js';
import { nestedFieldsOf } from './nested.fields.js';

/** A JSON schema (2020-12), as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;

type RequestClass = new () => object;

/** What a decorator says of its field to whoever describes the request: its form, or a rule between it and others. */
type About = { readonly form: Schema } | { readonly rule: Schema };

const namedSchemas = new Map<string, Schema>();

/** Marks what a decorator says, so that it can be told from what class-validator keeps beside it. */
export function about(what: About): About {
  return what;
}

/** Gives a schema that many fields share a name of its own. @returns the reference to it */
export function named(name: string, schema: Schema): Schema {
  namedSchemas.set(name, schema);
  return { $ref: `#/components/schemas/${name}` };
}

/** The schemas that fields refer to, by name. */
export function sharedSchemas(): ReadonlyMap<string, Schema> {
  return namedSchemas;
}

/**
 * The JSON schema of a request's class, from the very decorators by which RequestPipe judges it.
 * @param describe what is known of a field beside its form
 */
export function requestSchema(
  requestClass: RequestClass,
  describe: (requestClass: RequestClass, field: string) => Schema = () => ({}),
): Schema {
  const properties: Record<string, Schema> = {};
  const rules: Schema[] = [];
  const defaults = Object.entries(new requestClass()).filter(([, value]) => value !== undefined);
  const optional = new Set(defaults.map(([name]) => name));
  for (const { propertyName, type, constraints } of metadataOf(requestClass)) {
    if (type === 'conditionalValidation') optional.add(propertyName);
    const said = (constraints as unknown[] | undefined)?.[0] as About | undefined;
    if (said && 'form' in said) properties[propertyName] = { ...said.form, ...describe(requestClass, propertyName) };
    if (said && 'rule' in said) rules.push(said.rule);
  }
  for (const [name, { type, list }] of nestedFieldsOf(requestClass.prototype as object)) {
    const item = requestSchema(type(), describe);
    if (!list) optional.add(name);
    properties[name] = {
      ...(list ? { type: 'array', minItems: list.min, maxItems: list.max, items: item } : item),
      ...describe(requestClass, name),
    };
  }
  for (const [name, value] of defaults) properties[name] = { ...properties[name], default: value as unknown };
  const required = Object.keys(properties).filter((name) => !optional.has(name));
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...(rules.length > 0 && { allOf: rules }),
  };
}

/** What was declared for the fields of a request's class, inherited ones included. Searches all classes: not for each request. */
export function metadataOf(requestClass: RequestClass) {
  return getMetadataStorage().getTargetValidationMetadatas(requestClass, '', false, false);
}
