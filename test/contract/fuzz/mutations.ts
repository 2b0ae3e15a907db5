import fc, { type Arbitrary } from 'fast-check';
import { resolve, type Schema } from './api.document.js';
import { oddKeys, oddValues } from './values.js';

type Fields = Record<string, unknown>;

/** One change to a body, near enough to what it was that everything but one thing may still be right. */
export function mutated(schema: Schema, body: unknown): Arbitrary<unknown> {
  const { properties } = resolve(schema) as { properties: Record<string, Schema> };
  const fields = Object.keys(properties);
  const field = fc.constantFrom(...fields);
  const changes: Arbitrary<unknown>[] = [
    oddValues,
    field.map((name) => without(body as Fields, name)),
    fc.tuple(field, oddValues).map(([name, value]) => withField(body as Fields, name, value)),
    fc.tuple(oddKeys, oddValues).map(([name, value]) => withField(body as Fields, name, value)),
    field.chain((name) =>
      fc.constantFrom(...edgesOf(properties[name] ?? {})).map((value) => withField(body as Fields, name, value)),
    ),
  ];
  for (const [name, form] of Object.entries(properties)) {
    const inner = innerOf(form);
    if (!inner) continue;
    const { list, item } = inner;
    const given = (body as Fields)[name];
    const first: unknown = list ? (given as unknown[] | undefined)?.[0] : given;
    if (typeof first !== 'object' || first === null) continue;
    changes.push(mutated(item, first).map((value) => withField(body as Fields, name, list ? [value] : value)));
  }
  return fc.oneof(...changes);
}

/** The object that a field is, or the objects that it lists. */
function innerOf(form: Schema): { list: boolean; item: Schema } | undefined {
  const schema = resolve(form);
  if (schema['type'] === 'object') return { list: false, item: schema };
  const items = schema['items'] as Schema | undefined;
  return items && 'properties' in resolve(items) ? { list: true, item: items } : undefined;
}

/** A body for each bound of each of its fields that is given: at the bound, and just outside. */
export function atEveryEdge(schema: Schema, body: unknown): unknown[] {
  const { properties } = resolve(schema) as { properties: Record<string, Schema> };
  return Object.entries(body as Fields).flatMap(([name, given]) => {
    const form = properties[name] ?? {};
    const inner = innerOf(form);
    const first: unknown = inner?.list === true ? (given as unknown[])[0] : given;
    const within = inner ? atEveryEdge(inner.item, first).map((value) => (inner.list ? [value] : value)) : [];
    return [...edgesOf(form), ...within].map((value) => withField(body as Fields, name, value));
  });
}

/** Values at the bounds of a form, and just outside. */
function edgesOf(form: Schema): unknown[] {
  const schema = resolve(form);
  const { minimum, maximum, maxLength, maxItems, items } = schema;
  if (typeof minimum === 'number' && typeof maximum === 'number') {
    return [minimum - 1, minimum, maximum, maximum + 1, minimum + 0.5, String(minimum), null];
  }
  if (typeof maxLength === 'number') return [maxLength, maxLength + 1, 0].map((length) => '𝔞'.repeat(length));
  if (typeof maxItems === 'number') {
    const item = 'properties' in resolve(items as Schema) ? { name: 'a', mode: 'shared', payload: 1 } : 'a';
    return [0, maxItems, maxItems + 1].map((length) => Array.from({ length }, () => fitting(items as Schema, item)));
  }
  return [null, '', 'x', 7, [], {}];
}

/** Only the fields that a schema has. */
function fitting(schema: Schema, item: unknown): unknown {
  const { properties } = resolve(schema) as { properties?: Fields };
  if (!properties || typeof item !== 'object' || item === null) return item;
  return Object.fromEntries(Object.entries(item).filter(([name]) => name in properties));
}

function without(body: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(body).filter(([field]) => field !== name));
}

/** Defines even `__proto__` as a field like any other. */
function withField(body: Fields, name: string, value: unknown): Fields {
  return Object.fromEntries([...Object.entries(body).filter(([field]) => field !== name), [name, value]]);
}
