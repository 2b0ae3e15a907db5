import fc, { type Arbitrary } from 'fast-check';
import { isValid, resolve, type Schema } from './api.document.js';

/** Values made from schemas. Few names, so that calls meet each other. */

/** Stand in requests for what only an answer can give. */
export const REAL_RECEIPT = '@receipt';
export const REAL_CURSOR = '@cursor';

const names = ['a', 'b', 'c', 'd', 'e'];
const awkwardNames = [
  '__proto__',
  'constructor',
  ':{}*/',
  '😀'.repeat(512),
  'e\u0301',
  '\u202e\u2028',
  '%00',
  ' ',
  '"\\',
  '🏳️‍🌈',
];
/** What no pattern says: where the schema knows them only as text, these are right. */
const crons = ['0 6 * * 1-5', '*/5 * * * * *', '0 0 29 2 *'];
const zones = ['Europe/Berlin', 'UTC', '+01:00'];

export const known = {
  isName: (value: unknown) => names.includes(value as string),
  isCron: (value: unknown) => crons.includes(value as string),
  isZone: (value: unknown) => zones.includes(value as string),
};

const byName: Readonly<Record<string, Arbitrary<unknown>>> = {
  cron: fc.constantFrom(...crons),
  timezone: fc.constantFrom(...zones),
  receipt: fc.oneof(fc.constant(REAL_RECEIPT), texts()),
  receipts: fc.array(fc.oneof(fc.constant(REAL_RECEIPT), texts()), { minLength: 1, maxLength: 5 }),
  cursor: fc.oneof(fc.constant(REAL_CURSOR), texts()),
};

const rareNames = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  fc.constantFrom(...awkwardNames),
);

const anyJson = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constant(
      JSON.parse('{"__proto__":{"a":1},"constructor":null,"":[[{}]],"\\ud800":"\\udfff"}') as unknown,
    ),
  },
);

/** Values that are right by the schema. @param field whose they are */
export function valuesOf(schema: Schema, field = ''): Arbitrary<unknown> {
  const given = byName[field];
  if (given) return given;
  const { type, enum: words, pattern, minimum, maximum, minItems, maxItems, items, ...rest } = resolve(schema);
  if (Array.isArray(words)) return fc.constantFrom(...(words as unknown[]));
  switch (type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return integers(minimum as number, maximum as number);
    case 'string':
      return typeof pattern === 'string' ? namesLike(schema) : texts(rest['maxLength'] as number | undefined);
    case 'array':
      return fc.array(valuesOf(items as Schema), {
        minLength: minItems as number,
        maxLength: Math.min(5, maxItems as number),
      });
    case 'object':
      return objects(schema);
    default:
      return anyJson;
  }
}

function integers(min: number, max: number): Arbitrary<number> {
  const few = { min, max: Math.min(max, min + 20) };
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer(few) },
    fc.maxSafeInteger().map((n) => min + (Math.abs(n) % (max - min + 1))),
    fc.constantFrom(min, max),
  );
}

function namesLike(schema: Schema): Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: rareNames.filter((name) => isValid(schema, name)) },
  );
}

/** Receipts, cursors. */
function texts(maxLength = 100): Arbitrary<string> {
  const unit = fc.constantFrom('a', 'Z', '0', ' ', '/', ':', '-', '_', 'é', '😀', '\u0000', '\u2028', '\ud800');
  return fc.string({ unit, minLength: 1, maxLength: Math.min(maxLength, 40) });
}

function objects(schema: Schema): Arbitrary<unknown> {
  const { properties, required = [] } = resolve(schema);
  const fields = Object.entries(properties as Record<string, Schema>).map(([name, form]) => [
    name,
    valuesOf(form, name),
  ]);
  const model = Object.fromEntries(fields) as Record<string, Arbitrary<unknown>>;
  return fc.record(model, { requiredKeys: required as string[] }).filter((value) => isValid(schema, value));
}

/** Values that are wrong nearly everywhere. */
export const oddValues: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    -0,
    1e300,
    Number.MAX_VALUE,
    2 ** 53,
    -(2 ** 53),
    '',
    '1',
    'x'.repeat(600),
  ),
  fc.constantFrom<unknown>(
    '\ud800',
    'a\u0000b',
    '\u0085',
    [],
    {},
    [[]],
    [null],
    { length: 1 },
    JSON.parse('{"__proto__":[]}'),
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

export const oddKeys = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    '',
    'waitMS',
    'ok',
    'Name',
    'name ',
    '\ud800',
  ),
  fc.string(),
);
