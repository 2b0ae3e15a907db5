import {
  createFormatter,
  createParser,
  createProgram,
  DEFAULT_CONFIG,
  SchemaGenerator,
} from 'ts-json-schema-generator';
import ts from 'typescript';
import type { Schema } from '#lib/http';

type Definitions = Record<string, Schema>;

const config = {
  ...DEFAULT_CONFIG,
  topRef: false,
  encodeRefs: false,
  sortProps: false,
  additionalProperties: true,
  skipTypeCheck: true,
};

/** What a class of the application says of one of its methods or fields. */
export interface MemberSource {
  /** Its comment. */
  readonly description: string;
  /** What a method returns, as a JSON schema; undefined where that is nothing. */
  readonly answer?: Schema;
  /** Whether the answer is the data of events. */
  readonly isStream?: boolean;
}

/** Reads from the sources what is gone when they run: comments, and the types of answers. */
export class SourceReader {
  readonly #classes = new Map<string, ts.ClassDeclaration>();
  readonly #generator: SchemaGenerator;
  readonly #definitions: Definitions = {};

  /** @param main the program whose files are read */
  constructor(main: string, tsconfig: string) {
    const program = createProgram({ ...config, path: main, tsconfig });
    this.#generator = new SchemaGenerator(program, createParser(program, config), createFormatter(config), config);
    for (const file of program.getSourceFiles()) {
      if (file.isDeclarationFile) continue;
      ts.forEachChild(file, (node) => {
        if (ts.isClassDeclaration(node) && node.name) this.#classes.set(node.name.text, node);
      });
    }
  }

  /** The types that answers refer to, by name. */
  get definitions(): Definitions {
    const shared = Object.entries(this.#definitions).filter(([name]) => !name.includes('<'));
    return Object.fromEntries(shared.map(([name, schema]) => [name, asComponent(schema, this.#definitions) as Schema]));
  }

  /** @returns undefined for what is not of this program, such as a library's controller */
  member(className: string, name: string): MemberSource | undefined {
    const member = this.#classes.get(className)?.members.find((one) => one.name?.getText() === name);
    if (!member) return undefined;
    const description = descriptionOf(member);
    const type = ts.isMethodDeclaration(member) ? answerType(member.type) : undefined;
    if (!type) return { description };
    const isStream = member.getText().includes('EventsOf<');
    return { description, answer: this.#schemaOf(type), isStream };
  }

  #schemaOf(type: ts.TypeNode): Schema {
    const { $schema: _, definitions, ...schema } = this.#generator.createSchemaFromNodes([type]);
    Object.assign(this.#definitions, definitions);
    return asComponent(schema, this.#definitions) as Schema;
  }
}

/** Types of libs/http that say what a text or a stream holds. */
const wrappers = new Set(['Promise', 'JsonText', 'EventsOf']);

/** The type of the JSON that a handler of this type answers with. */
function answerType(type: ts.TypeNode | undefined): ts.TypeNode | undefined {
  if (!type || type.getText() === 'StreamableFile') return undefined;
  if (ts.isUnionTypeNode(type) && type.types.some((one) => one.getText().startsWith('Promise<'))) {
    return answerType(type.types[0]);
  }
  if (ts.isTypeReferenceNode(type) && wrappers.has(type.typeName.getText())) {
    return answerType(type.typeArguments?.[0]);
  }
  return type;
}

function descriptionOf(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join('\n');
}

/**
 * A schema of the generator as part of an OpenAPI document: all numbers of answers are whole ones, and a definition whose
 * name has parameters stands where it is used.
 */
function asComponent(value: unknown, definitions: Definitions): unknown {
  if (Array.isArray(value)) return value.map((one) => asComponent(one, definitions));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...schema } = value as Schema;
  const name = typeof $ref === 'string' ? $ref.replace('#/definitions/', '') : '';
  if (name.includes('<')) return { ...(asComponent(definitions[name], definitions) as Schema), ...schema };
  const converted = Object.entries(schema).map(([keyword, inner]) => [keyword, asComponent(inner, definitions)]);
  const type = typeof schema['type'] === 'object' || typeof schema['type'] === 'string' ? [schema['type']].flat() : [];
  return {
    ...(name !== '' && { $ref: `#/components/schemas/${name}` }),
    ...Object.fromEntries(converted),
    ...(type.includes('number') && { type: wholeNumbers(type), format: 'int64' }),
  };
}

function wholeNumbers(types: unknown[]): unknown {
  const all = types.map((type) => (type === 'number' ? 'integer' : type));
  return all.length === 1 ? all[0] : all;
}
