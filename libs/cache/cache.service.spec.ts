import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CacheProcess } from './cache.fixture.js';
import { TooManyFences } from './cache.errors.js';
import { Directory } from './directory.client.js';

const LARGEST = Number.MAX_SAFE_INTEGER;
const ABSENT = { version: 0, owner: null, busy: false };

let redis: TestRedis;
let all: CacheProcess[] = [];
let [one, two, three] = [] as unknown as [CacheProcess, CacheProcess, CacheProcess];
let key = '';
let keys = 0;

beforeAll(async () => {
  redis = await startRedis();
  all = [1, 2, 3].map((number) => new CacheProcess(redis.url, `node${number}`, 'service'));
  [one, two, three] = all as [CacheProcess, CacheProcess, CacheProcess];
  await Promise.all(all.map((node) => node.ready()));
});
afterAll(async () => {
  await Promise.all(all.map((node) => node.stop()));
  await redis.stop();
});
beforeEach(() => {
  key = `line {${++keys}}: */ü`;
});

/** What a read finds: state, value, and where from. */
async function seen(node: CacheProcess, name = key): Promise<unknown> {
  const reading = await node.cache.read(name);
  return reading && [reading.state, reading.value, reading.hit ? 'hit' : 'miss'];
}
const value = async (node: CacheProcess, name = key) => (await node.cache.read(name))?.value;
const version = async (node: CacheProcess, name = key) => (await node.cache.read(name))?.version;

describe('states', () => {
  it('are told as a read found them', async () => {
    expect(await seen(one)).toBeUndefined();
    await one.cache.write(key, 25);
    expect(await seen(one)).toEqual(['M', 25, 'hit']);
    expect(await seen(three)).toEqual(['M', 25, 'miss']);
    expect(await seen(three)).toEqual(['S', 25, 'hit']);
    expect(await seen(two)).toEqual(['S', 25, 'miss']);
    await eventually(async () => (await one.cache.read(key))?.state === 'S', {
      what: 'the former owner to hear of it',
    });
    await one.cache.write(key, 26);
    expect(await seen(three)).toEqual(['M', 26, 'miss']);
  });

  it('are in the directory, by node', async () => {
    expect(await one.cache.line(key)).toEqual({ ...ABSENT, key, nodes: { node1: 'I', node2: 'I', node3: 'I' } });
    const written = await two.cache.write(key, 'x');
    expect(written.ok).toBe(true);
    const { version: of } = written as { version: number };
    expect(await one.cache.line(key)).toEqual({
      key,
      version: of,
      owner: 'node2',
      busy: false,
      nodes: { node1: 'I', node2: 'M', node3: 'I' },
    });
    await one.cache.read(key);
    expect(await one.cache.line(key)).toEqual({
      key,
      version: of,
      owner: null,
      busy: false,
      nodes: { node1: 'S', node2: 'S', node3: 'I' },
    });
  });

  it('are E for the only reader of a line that nobody held', async () => {
    const fresh = await new CacheProcess(redis.url, 'node4', 'service').ready();
    try {
      await fresh.cache.write(key, 1);
      await fresh.stop();
      // Its epoch is known to be dead as soon as the others have renewed.
      await eventually(async () => (await one.cache.line(key)).nodes['node4'] === undefined, {
        what: 'node4 to be gone',
      });
      await eventually(async () => (await one.cache.line(key)).owner === null, { what: 'its ownership to be gone' });
      expect(await seen(one)).toEqual(['E', 1, 'miss']);
      expect(await one.cache.line(key)).toMatchObject({ owner: null, nodes: { node1: 'E', node2: 'I' } });
      expect(await seen(two)).toEqual(['E', 1, 'miss']);
      expect(await seen(two)).toEqual(['S', 1, 'hit']);
    } finally {
      await fresh.connections.close();
    }
  });
});

describe('writes', () => {
  it('take any JSON value and give it back', async () => {
    const values = [
      null,
      false,
      0,
      -0.5,
      1e300,
      '',
      '\u0000"\\/ü😀',
      [],
      [[null]],
      {},
      JSON.parse('{"__proto__":{"constructor":1}}'),
    ];
    for (const written of values) {
      await one.cache.write(key, written);
      for (const node of all) expect(JSON.stringify(await value(node))).toBe(JSON.stringify(written));
    }
    await expect(one.cache.write(key, undefined)).rejects.toThrow(TypeError);
  });

  it('know one line from another, whatever their names are', async () => {
    const names = ['a', 'a:', 'a*', '{a}', '}{', 'a\u0301', 'á', '__proto__', 'constructor', 'a'.repeat(512)];
    for (const name of names) await one.cache.write(name, name);
    for (const name of names) expect(await value(two, name)).toBe(name);
  });

  it('happen only if the version is the one named', async () => {
    const first = (await one.cache.write(key, 1, { ifVersion: 0 })) as { ok: true; version: number };
    expect(first.ok).toBe(true);
    expect(await two.cache.write(key, 2, { ifVersion: 0 })).toEqual({
      ok: false,
      reason: 'version_conflict',
      version: first.version,
    });
    expect(await two.cache.write(key, 2, { ifVersion: first.version })).toMatchObject({ ok: true });
    const second = await version(one);
    expect(second).toBeGreaterThan(first.version);
    expect(await three.cache.delete(key, { ifVersion: first.version })).toEqual({
      ok: false,
      reason: 'version_conflict',
      version: second,
    });
    expect(await three.cache.delete(key, { ifVersion: second })).toEqual({ ok: true });
    expect(await one.cache.delete(key, { ifVersion: second })).toEqual({
      ok: false,
      reason: 'version_conflict',
      version: 0,
    });
    expect(await one.cache.delete(key)).toEqual({ ok: false, reason: 'not_found' });
  });

  it('have versions that only grow, also across deletion', async () => {
    let last = 0;
    for (const node of [one, two, three, one]) {
      const { version: next } = (await node.cache.write(key, 1)) as { version: number };
      expect(next).toBeGreaterThan(last);
      last = next;
      await node.cache.delete(key);
      expect(await node.cache.line(key)).toMatchObject(ABSENT);
    }
  });

  it('count', async () => {
    expect(await one.cache.increment(key)).toMatchObject({ ok: true, value: 1 });
    expect(await two.cache.increment(key, { by: -3 })).toMatchObject({ ok: true, value: -2 });
    expect(await three.cache.increment(key, { by: LARGEST })).toMatchObject({ ok: true, value: LARGEST - 2 });
    expect(await one.cache.increment(key, { by: 3 })).toEqual({ ok: false, reason: 'not_a_number' });
    expect(await one.cache.increment(key, { by: 2 })).toMatchObject({ ok: true, value: LARGEST });
    expect(await seen(one)).toEqual(['M', LARGEST, 'hit']);
    expect(await value(two)).toBe(LARGEST);
    for (const odd of [1.5, '1', null, [1], LARGEST + 1, 1e21]) {
      await one.cache.write(key, odd);
      expect(await two.cache.increment(key)).toEqual({ ok: false, reason: 'not_a_number' });
    }
  });

  it('of all nodes at once lose no count', async () => {
    const results = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => await [one, two, three][i % 3]?.cache.increment(key)),
    );
    expect(new Set(results.map((result) => (result as { value: number }).value)).size).toBe(300);
    expect(await value(one)).toBe(300);
  });
});

describe('a token of a lock', () => {
  it('keeps out whoever shows a lower one', async () => {
    const fence = (token: number, lock = 'mine') => ({ fence: { lock, token } });
    expect(await one.cache.write(key, 'a', fence(LARGEST - 1))).toMatchObject({ ok: true });
    expect(await two.cache.write(key, 'b', fence(LARGEST - 2))).toEqual({
      ok: false,
      reason: 'stale_token',
      token: LARGEST - 1,
    });
    expect(await two.cache.write(key, 'b', { ...fence(3), ifVersion: 1 })).toMatchObject({ reason: 'stale_token' });
    expect(await two.cache.write(key, 'c', fence(LARGEST - 1))).toMatchObject({ ok: true });
    expect(await three.cache.write(key, 'd', fence(1, 'other'))).toMatchObject({ ok: true });
    expect(await one.cache.delete(key, fence(LARGEST))).toEqual({ ok: true });
    expect(await one.cache.write(key, 'e', fence(LARGEST - 1))).toEqual({
      ok: false,
      reason: 'stale_token',
      token: LARGEST,
    });
    expect(await one.cache.write(key, 'f')).toMatchObject({ ok: true });
    expect(await one.cache.write(key, 'g', fence(5))).toMatchObject({ reason: 'stale_token' });
  });

  it('is remembered for at most sixteen locks', async () => {
    for (let i = 1; i <= 16; i += 1) await one.cache.write(key, i, { fence: { lock: `lock ${i}`, token: i } });
    await expect(two.cache.write(key, 17, { fence: { lock: 'lock 17', token: 1 } })).rejects.toThrow(TooManyFences);
    expect(await two.cache.write(key, 18, { fence: { lock: 'lock 16', token: 16 } })).toMatchObject({ ok: true });
  });
});

describe('a repetition', () => {
  const again = { requestId: 'r/1' };

  it('on another node gets the first answer', async () => {
    const first = await one.cache.write(key, 'a', again);
    await two.cache.write(key, 'b');
    expect(await three.cache.write(key, 'c', { ...again, ifVersion: 99, fence: { lock: 'l', token: 1 } })).toEqual(
      first,
    );
    expect(await value(three)).toBe('b');
    const counted = await one.cache.increment(`${key} count`, again);
    expect(await two.cache.increment(`${key} count`, again)).toEqual(counted);
    expect(await one.cache.delete(key, again)).toEqual({ ok: true });
    expect(await two.cache.delete(key, again)).toEqual({ ok: true });
  });

  it('has its scope in the route and the line', async () => {
    await one.cache.increment(key, again);
    await one.cache.increment(`${key} 2`, again);
    expect(await value(one, `${key} 2`)).toBe(1);
    expect(await one.cache.write(key, 7, again)).toMatchObject({ ok: true });
    expect(await value(two)).toBe(7);
  });

  it('of what changed nothing is judged anew', async () => {
    expect(await one.cache.delete(key, again)).toEqual({ ok: false, reason: 'not_found' });
    await one.cache.write(key, 1);
    expect(await two.cache.delete(key, again)).toEqual({ ok: true });
  });

  it('during the first waits for it', async () => {
    await Promise.all(all.map((node) => node.cache.read(key)));
    await one.cache.write(key, 0);
    await Promise.all(all.map((node) => node.cache.read(key)));
    const results = await Promise.all([one, two, three, one, two].map((node) => node.cache.increment(key, again)));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(await value(two)).toBe(1);
  });
});

describe('life', () => {
  it('ends for all at once, by agreement', async () => {
    await one.cache.write(key, 'short', { ttlMs: 150 });
    const { version: before } = (await one.cache.read(key)) ?? { version: 0 };
    expect(await seen(two)).toEqual(['M', 'short', 'miss']);
    expect(await value(three)).toBe('short');
    await eventually(async () => (await two.cache.read(key)) === undefined, { what: 'the value to end' });
    for (const node of all) expect(await seen(node)).toBeUndefined();
    expect(await one.cache.write(key, 'new', { ifVersion: 0 })).toMatchObject({ ok: true });
    expect(await version(one)).toBeGreaterThan(before);
  });

  it('is ended by a write without it, and kept by an increment', async () => {
    await one.cache.write(key, 1, { ttlMs: 200 });
    await two.cache.write(`${key} 2`, 1, { ttlMs: 200 });
    await three.cache.increment(key);
    await three.cache.write(`${key} 2`, 2);
    await eventually(async () => (await one.cache.read(key)) === undefined, { what: 'the counted value to end' });
    expect(await value(one, `${key} 2`)).toBe(2);
  });

  it('makes a line past it absent for every condition', async () => {
    await one.cache.write(key, 1, { ttlMs: 1 });
    await two.cache.read(key);
    await eventually(async () => (await two.cache.line(key)).version === 0, { what: 'the value to end' });
    expect(await three.cache.write(key, 2, { ifVersion: 0 })).toMatchObject({ ok: true });
    await one.cache.write(key, 5, { ttlMs: 1 });
    await eventually(async () => (await two.cache.line(key)).version === 0, { what: 'the value to end' });
    expect(await two.cache.increment(key)).toMatchObject({ value: 1 });
  });
});

it('values that have ended and that nobody reads are swept out of Redis', async () => {
  const sweeper = await new CacheProcess(redis.url, 'sweeper', 'swept', { CACHE_SWEEP_MS: '100' }).ready();
  const other = await new CacheProcess(redis.url, 'other', 'swept').ready();
  sweeper.sweeper.onModuleInit();
  try {
    const names = Array.from({ length: 300 }, (_, i) => `${key} ${i}`);
    await Promise.all(names.map((name) => other.cache.write(name, 'x'.repeat(1000), { ttlMs: 50 })));
    await other.cache.write(key, 'stays', { ttlMs: 100_000 });
    const { redis: admin } = other.connections.lease;
    await eventually(
      async () => {
        const lines = await admin.keys('swept:cache:*:line:*');
        const left = await Promise.all(lines.map((line) => admin.hexists(line, 'v')));
        return lines.length === 301 && left.filter((present) => present === 1).length === 1;
      },
      { what: 'the values to be gone', timeoutMs: 10_000, everyMs: 100 },
    );
    const [tombstone = ''] = (await admin.keys('swept:cache:*:line:*')).filter((line) => line.endsWith(' 7'));
    expect(await admin.pttl(tombstone)).toBeGreaterThan(0);
    expect((await admin.keys('swept:cache:*:due')).length).toBe(1);
    expect(await value(sweeper)).toBe('stays');
  } finally {
    await Promise.all([sweeper.stop(), other.stop()]);
  }
});

it('a line that is fought over is not cached any more, until it is read', async () => {
  for (let i = 0; i < 20; i += 1) {
    await one.cache.increment(key);
    await two.cache.increment(key);
  }
  expect(await three.cache.line(key)).toMatchObject({ owner: null, nodes: { node1: 'I', node2: 'I', node3: 'I' } });
  expect(await seen(three)).toEqual(['E', 40, 'miss']);
  expect(await seen(three)).toEqual(['E', 40, 'miss']);
  await eventually(async () => (await three.cache.read(key))?.hit === true, {
    what: 'it to be cached again',
    everyMs: 0,
  });
  expect(await seen(three)).toEqual(['E', 40, 'hit']);
});

it('reads that miss at once share one question', async () => {
  await one.cache.write(key, 'x');
  let asked = 0;
  two.connections.commands.on('answered', (script) => {
    if (script === 'fill') asked += 1;
  });
  const readings = await Promise.all(Array.from({ length: 50 }, () => two.cache.read(key)));
  expect(readings.map((reading) => reading?.value)).toEqual(Array.from({ length: 50 }, () => 'x'));
  expect(asked).toBe(1);
});

it('a read that joins a question whose answer is late does not see a value that has ended meanwhile', async () => {
  await one.cache.write(key, 'x', { ttlMs: 200 });
  const fill = vi.spyOn(two.directory, 'fill');
  const { promise: late, resolve: arrive } = Promise.withResolvers<undefined>();
  fill.mockImplementationOnce(async (...question) => {
    const answer = await Directory.prototype.fill.apply(two.directory, question);
    await late;
    return answer;
  });
  const first = two.cache.read(key);
  await eventually(async () => (await three.cache.read(key)) === undefined, { what: 'the end of the value' });
  const second = two.cache.read(key);
  arrive(undefined);
  expect((await first)?.value).toBe('x');
  expect(await second).toBeUndefined();
  fill.mockRestore();
});

it('several lines are read at once, each by itself', async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `${key} ${i}`);
  await Promise.all(names.filter((_, i) => i % 2).map((name) => one.cache.write(name, names.indexOf(name))));
  const readings = await two.cache.readMany([...names, ...names]);
  expect(readings.size).toBe(1000);
  expect(names.map((name) => readings.get(name)?.value)).toEqual(names.map((_, i) => (i % 2 ? i : undefined)));
});

it('the lines in memory are listed by name, page by page', async () => {
  const names = Array.from({ length: 25 }, (_, i) => `${key} ${String(i).padStart(2, '0')}`);
  await Promise.all(names.map((name) => three.cache.write(name, 'v')));
  let after: string | undefined = key;
  const found: string[] = [];
  for (;;) {
    const { lines, more }: { lines: { key: string }[]; more: boolean } = three.cache.linesAfter(after, 10, 'M');
    found.push(...lines.map((line) => line.key));
    after = found.at(-1);
    if (!more) break;
  }
  expect(found.filter((name) => name.startsWith(`${key} `))).toEqual(names);
});
