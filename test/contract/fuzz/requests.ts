import fc, { type Arbitrary } from 'fast-check';
import { isValid, methodsOf, resolve, type Operation, type Schema } from './api.document.js';
import { atEveryEdge, mutated } from './mutations.js';
import { known, oddKeys, valuesOf } from './values.js';

type Fields = Readonly<Record<string, unknown>>;

/** `accepted`: anything but 400. `refused`: 400. `either`: the schema cannot say. A number: exactly this status. */
type Expected = 'accepted' | 'refused' | 'either' | number;

export interface Request {
  /** Id of the operation that is meant. */
  readonly operation: string;
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text?: string | Buffer;
  readonly expected: Expected;
}

const JSON_TYPE = { 'content-type': 'application/json' };
/** Long waits are told from short ones by other tests. */
const LONGEST_WAIT_MS = 20;

/** Rules that a JSON schema cannot say; the document says them in words. */
const unsaid: readonly ((path: string, fields: Fields) => boolean)[] = [
  // A cursor is opaque: only what a page gave is one.
  (_, { cursor }) => cursor !== undefined,
  // A cron expression must have a next time, a time zone must be known to the machine.
  (_, { cron }) => cron !== undefined && !known.isCron(cron),
  (_, { timezone }) => timezone !== undefined && !known.isZone(timezone),
  // A line remembers the tokens of at most 16 locks.
  (_, { fence }) => fence !== undefined && !known.isName((fence as Fields)['lock']),
  // Of acquire-many's locks each is named once.
  (path, { locks }) => path === '/lock/acquire-many' && hasTwice(locks as Fields[]),
];

function hasTwice(locks: readonly Fields[]): boolean {
  return new Set(locks.map(({ name }) => name)).size < locks.length;
}

/** Requests to an operation: right ones, nearly right ones, and ones that are wrong as HTTP. */
export function requestsTo(operation: Operation): Arbitrary<Request> {
  const kinds = [{ weight: 1, arbitrary: foreign(operation) }];
  const { body, query } = operation;
  if (body) {
    const right = valuesOf(body);
    const wrong = right.chain((value) => mutated(body, value));
    const some = fc.oneof({ weight: 5, arbitrary: right }, { weight: 5, arbitrary: wrong });
    kinds.push({ weight: 12, arbitrary: some.map((value) => withBody(operation, body, value)) });
    kinds.push({ weight: 1, arbitrary: badBodies(operation) });
  }
  if (query) kinds.push({ weight: 12, arbitrary: queries(operation, query) });
  if (!body && !query) kinds.push({ weight: 2, arbitrary: fc.constant(plain(operation, 'accepted')) });
  return fc.oneof(...kinds);
}

function plain({ id, method, path }: Operation, expected: Expected): Request {
  return { operation: id, method, target: path.replace('{file}', 'swagger-ui.css'), headers: {}, expected };
}

/**
 * For each field of an operation's body, and each of its bounds, a request.
 * @param seed of the bodies around the fields
 * @throws Error where a field is in none of them
 */
export function edgesOf(operation: Operation, seed: number): Request[] {
  const { body } = operation;
  if (!body) return [];
  const wanted = new Set(Object.keys((body as { properties: Fields }).properties));
  const bodies = fc.sample(valuesOf(body), { seed, numRuns: 100 }).filter((value) => {
    const news = Object.keys(value as Fields).filter((name) => wanted.delete(name));
    return news.length > 0;
  });
  if (wanted.size > 0) throw new Error(`${operation.id}: no body was made with ${[...wanted].join(', ')}`);
  return bodies.flatMap((value) => atEveryEdge(body, value).map((edge) => withBody(operation, body, edge)));
}

/** The request with a JSON body, expected to be taken as its schema says. */
function withBody(operation: Operation, schema: Schema, value: unknown): Request {
  const text = JSON.stringify(patient(value));
  // What the text says, not what it was made from: -0 is 0 in JSON.
  const sent = JSON.parse(text) as unknown;
  return { ...plain(operation, judge(operation, schema, sent)), headers: JSON_TYPE, text };
}

function judge({ path }: Operation, schema: Schema, fields: unknown): Expected {
  if (!isValid(schema, fields)) return 'refused';
  return unsaid.some((rule) => rule(path, fields as Fields)) ? 'either' : 'accepted';
}

function patient(value: unknown): unknown {
  const { waitMs } = (value ?? {}) as { waitMs?: unknown };
  const isLong = typeof waitMs === 'number' && waitMs > LONGEST_WAIT_MS && waitMs <= 60_000;
  return isLong ? { ...(value as Fields), waitMs: LONGEST_WAIT_MS } : value;
}

function queries(operation: Operation, schema: Schema): Arbitrary<Request> {
  const { properties } = schema as { properties: Record<string, Schema> };
  const names = fc.constantFrom(...Object.keys(properties));
  const texts = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1.5',
      '1e2',
      '1001',
      'null',
      '+1',
      ' 1',
      '٣',
      '9'.repeat(17),
      'x'.repeat(600),
      'a\u0000b',
    ),
    fc.string(),
  );
  const right = valuesOf(schema).map((value) =>
    Object.entries(value as Fields).map(([name, one]) => [name, String(one)] as const),
  );
  const some = right.chain((pairs) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.constant(pairs) },
      names.map((name) => pairs.filter(([given]) => given !== name)),
      fc.tuple(fc.oneof(names, oddKeys), texts).map((pair) => [...pairs.filter(([given]) => given !== pair[0]), pair]),
    ),
  );
  const asked = some.map((pairs) => withQuery(operation, schema, pairs));
  const repeated = right
    .filter((pairs) => pairs.length > 0)
    .map((pairs) => withQuery(operation, schema, [...pairs, ...pairs.slice(0, 1)]));
  const broken = fc
    .constantFrom('%', '%ff', '%ED%A0%80', '%zz')
    .map((text) => ({ ...plain(operation, 400), target: `${operation.path}?a=${text}` }));
  return fc.oneof({ weight: 10, arbitrary: asked }, repeated, broken);
}

function withQuery(operation: Operation, schema: Schema, pairs: readonly (readonly [string, string])[]): Request {
  const texts = pairs.map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join('='));
  const target = `${operation.path}?${texts.join('&')}`;
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) return { ...plain(operation, 400), target };
  const { properties } = schema as { properties: Record<string, Schema> };
  const typed = pairs.map(([name, text]) => {
    const isWhole = Object.hasOwn(properties, name) && resolve(properties[name] ?? {})['type'] === 'integer';
    return [name.toWellFormed(), isWhole && /^\d{1,16}$/.test(text) ? Number(text) : text.toWellFormed()];
  });
  return { ...plain(operation, judge(operation, schema, Object.fromEntries(typed))), target };
}

/** Bodies that are wrong before they have fields. */
function badBodies(operation: Operation): Arbitrary<Request> {
  const text = '{"name":"a","queue":"a","key":"a","owner":"a"}';
  const deep = '['.repeat(50_000) + ']'.repeat(50_000);
  const send = (expected: Expected, body: string | Buffer, type = 'application/json', query = '') => ({
    ...plain(operation, expected),
    target: operation.path + query,
    headers: { 'content-type': type },
    text: body,
  });
  return fc.oneof(
    fc
      .constantFrom('', '{', '{"name":', '[1,]', '{"a":1}}', '\ufeff{}', "{'a':1}", 'NaN', '{"a":01}', '\u0000', deep)
      .map((body) => send(400, body)),
    fc
      .constantFrom('{"leaseMs":1e400}', `{"payload":${deep},"value":${deep}}`, `{"payload":${deep}`)
      .map((body) => send(400, body)),
    fc.constant(send(400, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))),
    fc
      .constantFrom(
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'application/jsonp',
        'application/json; charset=utf-16',
        'application/json; charset=latin1',
      )
      .map((type) => send(415, text, type)),
    fc
      .constantFrom('?a=1', '?__proto__=1', '?name=a', '?a=%ff', '?a=1&a=2')
      .map((query) => send(400, text, 'application/json', query)),
    fc.constant(send(413, `{"payload":"${'x'.repeat(1_100_000)}"}`)),
  );
}

/** Other methods, and headers that should do no harm. */
function foreign(operation: Operation): Arbitrary<Request> {
  const others = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'].filter(
    (method) => !methodsOf(operation.path).includes(method),
  );
  return fc.constantFrom(...others).map((method) => ({ ...plain(operation, 405), method }));
}
