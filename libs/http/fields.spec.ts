import { describe, expect, it } from 'vitest';
import {
  Beside,
  Each,
  Ignored,
  IsFlag,
  IsJson,
  IsName,
  IsNames,
  IsOneOf,
  IsRequestId,
  IsWhole,
  IsWholeText,
  One,
  Optional,
  Or,
  Unless,
  When,
} from './index.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Problem, type FieldError } from './problem.js';
import { parseQuery } from './query.parser.js';
import { RequestPipe } from './request.pipe.js';
import { requestSchema, sharedSchemas } from './request.schema.js';

class Item {
  @IsJson() payload!: unknown;
  @Optional() @IsWhole(0, 10) priority?: number;
}

class Body {
  @IsName() name!: string;
  @IsOneOf('exclusive', 'shared') mode = 'exclusive';
  @Optional() @IsWhole(1, 100) @When('mode', 'shared') limit?: number;
  @Optional() @IsNames(1, 3) names?: string[];
  @Optional() @IsFlag() dead?: boolean;
  @Optional() @IsRequestId() requestId?: string;
  @Ignored() payload?: unknown;
}

class Batch {
  @IsName() queue!: string;
  @Each(() => Item, 1, 2) messages!: Item[];
}

class Page {
  @Optional() @IsWholeText(1, 1000) limit = 100;
}

class Value {
  @IsJson() value!: unknown;
}

class Ruled {
  @IsName() @Or('names') name?: string;
  @Optional() @IsNames(1, 3) names?: string[];
  @Optional() @IsFlag() dead?: boolean;
  @Optional() @IsWhole(0, 9) @Unless('dead') delayMs?: number;
  @Optional() @IsWhole(0, 9) @Beside('delayMs') afterMs?: number;
  @One(() => Item) item?: Item;
}

const pipe = new RequestPipe();
const read = <T extends object>(type: new () => T, value: unknown, kind: 'body' | 'query' = 'body') =>
  pipe.transform(value, { type: kind, metatype: type }) as T;

function errorsOf(type: new () => object, value: unknown, kind: 'body' | 'query' = 'body'): FieldError[] {
  try {
    read(type, value, kind);
  } catch (error) {
    if (error instanceof Problem) return error.errors ?? [];
    throw error;
  }
  return [];
}

describe('requests', () => {
  it('get their defaults and keep what was given', () => {
    expect(read(Body, { name: 'a' })).toMatchObject({ name: 'a', mode: 'exclusive' });
    expect(read(Body, { name: 'a', mode: 'shared', limit: 3 })).toMatchObject({ mode: 'shared', limit: 3 });
    expect(read(Body, { name: 'a', payload: { anything: 1 } })).toMatchObject({ payload: { anything: 1 } });
  });

  it.each([
    ['empty', ''],
    ['513 code points', 'x'.repeat(513)],
    ['with a control character', 'a\u0000b'],
    ['with a C1 control character', 'a\u0085b'],
    ['a lone surrogate', '\ud800'],
    ['no text', 7],
    ['null', null],
    ['absent', undefined],
  ])('refuse a name that is %s', (_, name) => {
    expect(errorsOf(Body, { name })).toMatchObject([{ field: 'name' }]);
  });

  it.each([':', '{', '}', '*', '/', ' ', '__proto__', '😀'.repeat(512), 'é', 'e\u0301', '\u202e', '"', '\\'])(
    'take the name %s as it is',
    (name) => {
      expect(read(Body, { name }).name).toBe(name);
    },
  );

  it('refuse unknown fields, also those that JavaScript knows', () => {
    expect(errorsOf(Body, { name: 'a', nmae: 'b' })).toMatchObject([{ field: 'nmae' }]);
    expect(errorsOf(Body, JSON.parse('{"name":"a","__proto__":{"mode":"shared"}}'))).toMatchObject([
      { field: '__proto__' },
    ]);
    expect(errorsOf(Body, { name: 'a', constructor: 1 })).toMatchObject([{ field: 'constructor' }]);
  });

  it('refuse null where a value is optional', () => {
    expect(errorsOf(Body, { name: 'a', names: null })).toMatchObject([{ field: 'names' }]);
    expect(errorsOf(Body, { name: 'a', requestId: null })).toMatchObject([{ field: 'requestId' }]);
  });

  it('refuse a field that does not apply', () => {
    expect(errorsOf(Body, { name: 'a', limit: 3 })).toMatchObject([
      { field: 'limit', message: 'applies only to mode "shared"' },
    ]);
  });

  it.each([
    [{ names: ['a'] }, undefined],
    [{ name: 'a', dead: false, delayMs: 1, afterMs: 1 }, undefined],
    [{}, { field: 'name', message: 'or names must be given' }],
    [
      { name: 'a', names: ['b'] },
      { field: 'name', message: 'does not apply beside names' },
    ],
    [
      { name: 'a', dead: true, delayMs: 1 },
      { field: 'delayMs', message: 'does not apply beside dead' },
    ],
    [
      { name: 'a', afterMs: 1 },
      { field: 'afterMs', message: 'applies only beside delayMs' },
    ],
    [{ name: 'a', item: { payload: 1, priority: 3 } }, undefined],
    [{ name: 'a', item: { payload: 1, prio: 3 } }, { field: 'item.prio' }],
    [{ name: 'a', item: null }, { field: 'item' }],
  ])('judge %j by rules between fields', (body, error) => {
    expect(errorsOf(Ruled, body)).toMatchObject(error ? [error] : []);
  });

  it.each([1.5, '3', true, 0, 101, 1e300, Number.NaN])('refuse %s as a whole number from 1 to 100', (limit) => {
    expect(errorsOf(Body, { name: 'a', mode: 'shared', limit })).toMatchObject([{ field: 'limit' }]);
  });

  it.each([[[]], [['a', 'b', 'c', 'd']], [['a', '']], ['a'], [{ 0: 'a', length: 1 }]])(
    'refuse %j as names',
    (names) => {
      expect(errorsOf(Body, { name: 'a', names })).toMatchObject([{ field: 'names' }]);
    },
  );

  it.each([[null], [[]], ['text'], [7]])('refuse %j as a body', (body) => {
    expect(errorsOf(Body, body).length).toBeGreaterThan(0);
  });

  it('take any JSON as a value and give it back as it is', () => {
    const text = '{"__proto__":{"a":1},"constructor":null,"n":1e+21,"":[[],{}]}';
    const body = JSON.parse(`{"value":${text}}`) as unknown;
    expect(JSON.stringify(read(Value, body).value)).toBe(text);
    expect(read(Value, { value: null }).value).toBeNull();
    expect(errorsOf(Value, {})).toMatchObject([{ field: 'value' }]);
  });

  it('take values that are nested 100 deep, and no deeper', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    expect(errorsOf(Value, { value: nested(100) })).toEqual([]);
    expect(errorsOf(Value, { value: nested(101) })).toMatchObject([{ field: 'value' }]);
    expect(errorsOf(Value, { value: nested(50_000) })).toMatchObject([{ field: 'value' }]);
  });

  it('look into lists, and name the place of what is wrong', () => {
    const batch = read(Batch, { queue: 'q', messages: [{ payload: 1 }, { payload: null, priority: 2 }] });
    expect(batch.messages[1]).toBeInstanceOf(Item);
    expect(errorsOf(Batch, { queue: 'q', messages: [{ payload: 1 }, { priority: 11, x: 1 }] })).toMatchObject([
      { field: 'messages[1].x' },
      { field: 'messages[1].payload' },
      { field: 'messages[1].priority' },
    ]);
    for (const messages of [[], [1], 'x', [{ payload: 1 }, { payload: 1 }, { payload: 1 }], undefined]) {
      expect(errorsOf(Batch, { queue: 'q', messages }).length).toBeGreaterThan(0);
    }
  });

  it('read numbers from a query, and only there', () => {
    expect(read(Page, parseQuery('limit=20'), 'query').limit).toBe(20);
    expect(read(Page, parseQuery(''), 'query').limit).toBe(100);
    for (const query of ['limit=0', 'limit=1001', 'limit=1e2', 'limit=', 'limit=-1', 'size=1']) {
      expect(errorsOf(Page, parseQuery(query), 'query').length, query).toBe(1);
    }
    expect(errorsOf(Page, { limit: '20' })).toMatchObject([{ field: 'limit' }]);
  });
});

describe('the schema of a request', () => {
  const components = { schemas: Object.fromEntries(sharedSchemas()) };
  const ajv = new Ajv2020({ strict: false });

  it.each<[new () => object, readonly unknown[]]>([
    [
      Body,
      [{}, { name: 'a' }, { name: 'a', mode: 'x' }, { name: 'a', limit: 1 }, { name: 'a', mode: 'shared', limit: 1 }],
    ],
    [Body, [{ name: '😀'.repeat(512) }, { name: '😀'.repeat(513) }, { name: '' }, { name: '\ud800' }, { name: null }]],
    [
      Body,
      [
        { name: 'a', names: [] },
        { name: 'a', names: ['a'] },
        { name: 'a', names: ['a', ''] },
        { name: 'a', x: 1 },
      ],
    ],
    [
      Body,
      [{ name: 'a', requestId: 'x'.repeat(129) }, { name: 'a', requestId: 'x' }, { name: 'a', dead: 1 }, [], null, 7],
    ],
    [
      Batch,
      [
        { queue: 'q', messages: [] },
        { queue: 'q', messages: [{ payload: null }] },
        { queue: 'q', messages: [{}] },
      ],
    ],
    [Ruled, [{}, { name: 'a' }, { names: ['a'] }, { name: 'a', names: ['a'] }, { name: 'a', item: { priority: 1 } }]],
    [
      Ruled,
      [
        { name: 'a', delayMs: 1, dead: true },
        { name: 'a', delayMs: 1, dead: false },
        { name: 'a', dead: true },
      ],
    ],
    [
      Ruled,
      [
        { name: 'a', afterMs: 1 },
        { name: 'a', afterMs: 1, delayMs: 1 },
        { name: 'a', item: { payload: 1 } },
      ],
    ],
  ])('of %s says what the decorators say', (type, bodies) => {
    const validate = ajv.compile({ ...requestSchema(type), components });
    for (const body of bodies) expect(validate(body), JSON.stringify(body)).toBe(errorsOf(type, body).length === 0);
  });
});

describe('queries', () => {
  it('are percent-encoded UTF-8, with + for a space', () => {
    expect({ ...parseQuery('name=a%2Fb%3A%7B%7D%2A&key=%F0%9F%98%80+x%2B&empty') }).toEqual({
      name: 'a/b:{}*',
      key: '😀 x+',
      empty: '',
    });
    expect(Object.keys(parseQuery('__proto__=x'))).toEqual(['__proto__']);
  });

  it('are refused with a repeated name or broken encoding', () => {
    expect(() => parseQuery('a=1&a=2')).toThrow(/given once/);
    expect(() => parseQuery('a=%ff')).toThrow(/not percent-encoded/);
    expect(() => parseQuery('a=%ED%A0%80')).toThrow(/not percent-encoded/);
  });
});
