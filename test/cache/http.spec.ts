import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  startCluster,
  type Answer,
  type Json,
  type JsonObject,
  type TestCluster,
  type TestNode,
} from '../cluster/index.js';

const LARGEST = Number.MAX_SAFE_INTEGER;
let cluster: TestCluster;
let [one, two] = [] as unknown as [TestNode, TestNode];
let key = '';
let keys = 0;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  [one, two] = cluster.nodes as [TestNode, TestNode];
});
afterAll(async () => {
  await cluster.stop();
});

const fresh = () => (key = `line ${++keys} /?&=%#:{}ü😀`);
const read = (node: TestNode, name = key) => node.get(`/cache/read?key=${encodeURIComponent(name)}`);
const write = (node: TestNode, value: Json, more: JsonObject = {}) =>
  node.post('/cache/write', { key, value, ...more });

function expectInvalid(answer: Answer, field: string): void {
  expect(answer.status).toBe(400);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body['errors']).toEqual(expect.arrayContaining([expect.objectContaining({ field })]));
}

describe('a read', () => {
  it('answers exactly value and state, and tells in headers where from and which version', async () => {
    fresh();
    const missing = await read(one);
    expect([missing.status, missing.text]).toEqual([200, '{"ok":false,"reason":"not_found","value":null}']);
    expect([missing.headers.get('x-cache'), missing.headers.get('x-cache-version')]).toEqual(['miss', '0']);
    const { version } = (await write(one, { order: 1 })).body;
    const found = await read(two);
    expect(found.body).toEqual({ ok: true, value: { state: 'M', value: { order: 1 } } });
    expect([found.headers.get('x-cache'), found.headers.get('x-cache-version')]).toEqual([
      'miss',
      `${version as number}`,
    ]);
    expect(found.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const again = await read(two);
    expect(again.body).toEqual({ ok: true, value: { state: 'S', value: { order: 1 } } });
    expect([again.headers.get('x-cache'), again.headers.get('x-cache-version')]).toEqual([
      'hit',
      `${version as number}`,
    ]);
  });

  it('gives every value back as it was', async () => {
    const texts = [
      'null',
      '{"__proto__":{"a":1},"constructor":null}',
      '"\\u0000\\u2028😀"',
      '[1e300,-0.5,0]',
      '{"a":1,"a":2}',
    ];
    for (const text of texts) {
      fresh();
      const headers = { 'content-type': 'application/json' };
      const written = await one.request('POST', '/cache/write', {
        text: `{"key":${JSON.stringify(key)},"value":${text}}`,
        headers,
      });
      expect(written.status).toBe(200);
      for (const node of [one, two, two]) {
        const { text: answer } = await read(node);
        expect(JSON.stringify((JSON.parse(answer) as { value: { value: unknown } }).value.value)).toBe(
          JSON.stringify(JSON.parse(text)),
        );
      }
    }
  });

  it('of many gives each line with its version, null where there is none, whatever the names', async () => {
    const names = ['__proto__', 'a"b', 'constructor', 'nobody'];
    for (const name of names.slice(0, 3)) await one.post('/cache/write', { key: name, value: name });
    const answer = await two.post('/cache/read-many', { keys: [...names, '__proto__'] });
    const { ok, values } = JSON.parse(answer.text) as { ok: boolean; values: Record<string, unknown> };
    expect(ok).toBe(true);
    expect(Object.keys(values)).toEqual(names);
    expect(Object.getOwnPropertyDescriptor(values, '__proto__')?.value).toEqual({
      state: 'M',
      value: '__proto__',
      version: expect.any(Number),
    });
    expect(values['nobody']).toBeNull();
    expect(answer.headers.get('x-cache')).toBe('miss');
    expect((await two.post('/cache/read-many', { keys: names.slice(0, 3) })).headers.get('x-cache')).toBe('hit');
  });

  it('of more than fits into one answer is refused', async () => {
    const names = Array.from({ length: 17 }, (_, i) => `large ${i}`);
    for (const name of names) await one.post('/cache/write', { key: name, value: 'x'.repeat(1_000_000) });
    expect((await one.post('/cache/read-many', { keys: names.slice(0, 16) })).status).toBe(200);
    const refused = await one.post('/cache/read-many', { keys: names });
    expect([refused.status, refused.body['status']]).toEqual([413, 413]);
  });
});

describe('a change', () => {
  it('answers what the contract says', async () => {
    fresh();
    const first = (await write(one, 1, { ifVersion: 0 })).body;
    expect(first).toEqual({ ok: true, version: expect.any(Number) });
    expect((await write(two, 2, { ifVersion: 0 })).body).toEqual({
      ok: false,
      reason: 'version_conflict',
      version: first['version'],
    });
    expect((await two.post('/cache/increment', { key })).body).toEqual({
      ok: true,
      value: 2,
      version: expect.any(Number),
    });
    expect((await two.post('/cache/increment', { key, by: LARGEST })).body).toEqual({
      ok: false,
      reason: 'not_a_number',
    });
    expect((await write(one, 3, { fence: { lock: 'l', token: 9 } })).body).toMatchObject({ ok: true });
    expect((await write(two, 4, { fence: { lock: 'l', token: 8 } })).body).toEqual({
      ok: false,
      reason: 'stale_token',
      token: 9,
    });
    expect((await two.post('/cache/delete', { key, ifVersion: 1 })).body).toMatchObject({
      ok: false,
      reason: 'version_conflict',
    });
    expect((await two.post('/cache/delete', { key, fence: { lock: 'l', token: 9 } })).body).toEqual({ ok: true });
    expect((await one.post('/cache/delete', { key })).body).toEqual({ ok: false, reason: 'not_found' });
  });

  it('under a requestId happens once, whichever node is asked', async () => {
    fresh();
    const first = await one.post('/cache/increment', { key, requestId: 'r' });
    expect((await two.post('/cache/increment', { key, by: 5, requestId: 'r' })).body).toEqual(first.body);
    expect((await read(two)).body).toMatchObject({ value: { value: 1 } });
  });

  it('with a life ends on every node', async () => {
    fresh();
    await write(one, 'short', { ttlMs: 100 });
    await read(two);
    await eventually(async () => (await read(two)).body['ok'] === false, { what: 'the value to end' });
    expect((await read(one)).body).toMatchObject({ ok: false, reason: 'not_found' });
  });

  it('with one lock too many is refused', async () => {
    fresh();
    for (let i = 0; i < 16; i += 1) await write(one, i, { fence: { lock: `l${i}`, token: 1 } });
    expectInvalid(await write(one, 17, { fence: { lock: 'l16', token: 1 } }), 'fence');
  });
});

describe('a request that is wrong names the field', () => {
  const wrong: [path: string, body: JsonObject, field: string][] = [
    ['/cache/write', { key: 'k' }, 'value'],
    ['/cache/write', { value: 1 }, 'key'],
    ['/cache/write', { key: '', value: 1 }, 'key'],
    ['/cache/write', { key: 'x'.repeat(513), value: 1 }, 'key'],
    ['/cache/write', { key: 'k', value: 1, ttlMs: 0 }, 'ttlMs'],
    ['/cache/write', { key: 'k', value: 1, ttlMs: 31_536_000_001 }, 'ttlMs'],
    ['/cache/write', { key: 'k', value: 1, ifVersion: -1 }, 'ifVersion'],
    ['/cache/write', { key: 'k', value: 1, ifVersion: null }, 'ifVersion'],
    ['/cache/write', { key: 'k', value: 1, fence: { lock: 'l' } }, 'fence.token'],
    ['/cache/write', { key: 'k', value: 1, fence: { lock: 'l', token: 1, more: 1 } }, 'fence.more'],
    ['/cache/write', { key: 'k', value: 1, fence: { lock: 'l', token: 1.5 } }, 'fence.token'],
    ['/cache/write', { key: 'k', value: 1, requestId: '' }, 'requestId'],
    ['/cache/write', { key: 'k', value: 1, vaule: 1 }, 'vaule'],
    ['/cache/increment', { key: 'k', by: 0.5 }, 'by'],
    ['/cache/increment', { key: 'k', by: LARGEST + 1 }, 'by'],
    ['/cache/increment', { key: 'k', ifVersion: 1 }, 'ifVersion'],
    ['/cache/delete', { key: 'k', ttlMs: 5 }, 'ttlMs'],
    ['/cache/read-many', { keys: [] }, 'keys'],
    ['/cache/read-many', { keys: 'k' }, 'keys'],
    ['/cache/read-many', { keys: Array.from({ length: 1001 }, (_, i) => `${i}`) }, 'keys'],
  ];
  it.each(wrong)('%s %j', async (path, body, field) => {
    expectInvalid(await one.post(path, body), field);
  });

  it('in queries', async () => {
    expectInvalid(await one.get('/cache/read'), 'key');
    expectInvalid(await one.get('/cache/lines?state=I'), 'state');
    expectInvalid(await one.get('/cache/lines?limit=1001'), 'limit');
    expectInvalid(await one.get('/cache/lines?cursor=nonsense'), 'cursor');
  });
});

describe('lines', () => {
  it('are shown as the directory has them', async () => {
    fresh();
    const absent = await one.get(`/cache/line?key=${encodeURIComponent(key)}`);
    expect(absent.body).toEqual({
      ok: true,
      line: { key, version: 0, owner: null, nodes: { node1: 'I', node2: 'I' }, busy: false },
    });
    const { version } = (await write(one, 1)).body;
    const owned = await two.get(`/cache/line?key=${encodeURIComponent(key)}`);
    expect(owned.body).toEqual({
      ok: true,
      line: { key, version, owner: 'node1', nodes: { node1: 'M', node2: 'I' }, busy: false },
    });
  });

  it('of a node are listed by name, each once, page by page, and counted for the cluster', async () => {
    const names = Array.from({ length: 7 }, (_, i) => `listed ${i}`);
    for (const name of [...names].reverse()) await two.post('/cache/write', { key: name, value: name });
    await two.get('/cache/read?key=listed%203');
    const found: JsonObject[] = [];
    let cursor: Json | undefined;
    do {
      const { body }: Answer = await two.get(
        `/cache/lines?limit=2&state=M${cursor === undefined ? '' : `&cursor=${cursor as string}`}`,
      );
      expect(body['node']).toBe('node2');
      found.push(...(body['lines'] as JsonObject[]));
      ({ cursor } = body);
    } while (cursor !== null);
    const listed = found.filter((line) => (line['key'] as string).startsWith('listed '));
    expect(listed.map((line) => line['key'])).toEqual(names);
    expect(listed[3]).toEqual({
      key: 'listed 3',
      state: 'M',
      version: expect.any(Number),
      bytes: expect.any(Number),
      hits: 1,
    });
    await eventually(
      async () => {
        const nodes = (await one.get('/cluster')).body['nodes'] as JsonObject[];
        return Number(nodes.find(({ id }) => id === 'node2')?.['cacheLines']) >= 7;
      },
      { what: 'the number of lines in GET /cluster' },
    );
  });
});
