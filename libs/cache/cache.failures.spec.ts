import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FENCE_AFTER_MS, LEASE_MS } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CacheProcess } from './cache.fixture.js';

let redis: TestRedis;
let all: CacheProcess[] = [];
let [one, two, three] = [] as unknown as [CacheProcess, CacheProcess, CacheProcess];
let key = '';
let keys = 0;

async function startAll(env: Record<string, string> = {}): Promise<void> {
  all = [1, 2, 3].map((number) => new CacheProcess(redis.url, `node${number}`, 'failures', env));
  [one, two, three] = all as [CacheProcess, CacheProcess, CacheProcess];
  await Promise.all(all.map((node) => node.ready()));
}
const value = async (node: CacheProcess, name = key) => (await node.cache.read(name))?.value;
/** All three hold a copy of the line. */
async function share(content: unknown): Promise<void> {
  await one.cache.write(key, content);
  for (const node of all) await node.cache.read(key);
}

/** Waits until the node serves under an epoch that is none of these. */
async function anotherEpoch(node: CacheProcess, before: readonly (number | undefined)[]): Promise<void> {
  const { membership } = node;
  const changed = () => membership.usable && membership.leaseStands() && !before.includes(membership.epoch);
  await eventually(changed, { what: 'a new epoch' });
}

beforeEach(() => {
  key = `line ${++keys}`;
});
afterEach(async () => {
  await Promise.all(all.map((node) => node.stop()));
  all = [];
});

describe('on a Redis that stays', () => {
  beforeAll(async () => {
    redis = await startRedis();
    const first = await new CacheProcess(redis.url, 'first', 'failures').ready();
    await first.stop();
  });
  afterAll(async () => {
    await redis.stop();
  });
  beforeEach(async () => {
    await startAll({ CACHE_WRITE_TIMEOUT_MS: '3500' });
  });

  it.each(['cache.invalidate', 'cache.result'])('a lost %s only delays a write', async (kind) => {
    let lost = 0;
    for (const node of all) node.membership.loses = (of) => of === kind && lost++ < 3;
    // On a busy machine the answer of a question that was asked again may be there before the message.
    await eventually(
      async () => {
        await share('old');
        const started = performance.now();
        expect(await one.cache.write(key, 'new')).toMatchObject({ ok: true });
        expect(performance.now() - started).toBeLessThan(LEASE_MS);
        for (const node of all) expect(await value(node)).toBe('new');
        return lost > 0;
      },
      { what: 'a message to be lost' },
    );
  });

  it(
    'a stopped sharer delays a write once, by no more than its lease and the fencing of it',
    { timeout: 15_000 },
    async () => {
      await share('old');
      two.fallSilent();
      const started = performance.now();
      const writing = one.cache.write(key, 'new');
      // Reads never wait for a round: the old value is the committed one.
      expect(await value(three)).toBe('old');
      expect(await writing).toMatchObject({ ok: true });
      expect(performance.now() - started).toBeLessThan(LEASE_MS + FENCE_AFTER_MS + 500);
      expect(two.cache.readFromMemory(key)).toBeUndefined();
      expect(await value(three)).toBe('new');
      const again = performance.now();
      await one.cache.write(key, 'newer');
      expect(performance.now() - again).toBeLessThan(LEASE_MS / 2);
    },
  );

  it(
    'a process that cannot acknowledge loses its lease instead of keeping others waiting',
    { timeout: 15_000 },
    async () => {
      await share('old');
      const { epoch } = two.membership;
      let asked = 0;
      two.directory.ack = () => {
        asked += 1;
        return Promise.reject(new RedisUnavailable('cut off', true));
      };
      expect(await one.cache.write(key, 'new')).toMatchObject({ ok: true });
      expect(asked).toBeGreaterThan(1);
      await anotherEpoch(two, [epoch]);
      expect(await value(two)).toBe('new');
    },
  );

  it('a write whose node dies is finished by whoever reads', { timeout: 15_000 }, async () => {
    await share('old');
    two.fallSilent();
    const writing = one.cache.write(key, 'new').catch((error: unknown) => error);
    await eventually(async () => (await three.cache.line(key)).busy, { what: 'the round to be open', everyMs: 1 });
    one.fallSilent();
    one.connections.commands.redis.disconnect();
    one.connections.lease.redis.disconnect();
    expect(await value(three)).toBe('old');
    await eventually(async () => (await value(three)) === 'new', { what: 'the write to be finished' });
    expect(await three.cache.line(key)).toMatchObject({ busy: false });
    expect(await writing).toBeInstanceOf(RedisUnavailable);
  });

  it('a repetition on another node of a write whose node died gets its result', { timeout: 15_000 }, async () => {
    await share(41);
    two.fallSilent();
    const first = one.cache.write(key, 'first', { requestId: 'r' }).catch((error: unknown) => error);
    await eventually(async () => (await three.cache.line(key)).busy, { what: 'the round to be open', everyMs: 1 });
    one.connections.commands.redis.disconnect();
    one.connections.lease.redis.disconnect();
    const result = await three.cache.write(key, 'second', { requestId: 'r' });
    expect(result).toMatchObject({ ok: true });
    const found = await three.cache.read(key);
    expect([found?.value, found?.version]).toEqual(['first', (result as { version: number }).version]);
    await first;
  });

  it('a lost epoch leaves nothing in memory, and the next one serves', async () => {
    await share('old');
    const { epoch } = two.membership;
    await three.connections.lease.redis.hdel('failures:{membership}:registry', `i:${epoch ?? ''}`, `r:${epoch ?? ''}`);
    await anotherEpoch(two, [epoch]);
    expect(two.cache.lineCount).toBe(0);
    expect(two.cache.readFromMemory(key)).toBeUndefined();
    expect(await one.cache.write(key, 'new')).toMatchObject({ ok: true });
    expect(await value(two)).toBe('new');
  });

  it('a Redis that is full is read without being asked to remember, and gets room by deletions', async () => {
    await share('old');
    await one.cache.write(`${key} 2`, 'deleted');
    await one.connections.lease.redis.config('SET', 'maxmemory', '1mb');
    try {
      await expect(one.cache.write(key, 'new')).rejects.toMatchObject({ mayHaveTakenEffect: false });
      expect(await value(two, `${key} 2`)).toBe('deleted');
      expect((await two.cache.read(`${key} 2`))?.hit).toBe(false);
      expect(await three.cache.delete(`${key} 2`)).toEqual({ ok: true });
      expect(await three.cache.delete(key)).toEqual({ ok: true });
      expect(await value(one)).toBeUndefined();
    } finally {
      await one.connections.lease.redis.config('SET', 'maxmemory', '0');
    }
    expect(one.membership.leaseStands()).toBe(true);
  });
});

it('evicted copies cost a later write nothing', async () => {
  redis = await startRedis();
  try {
    await startAll({ CACHE_MAX_LINES: '10' });
    for (let i = 0; i < 30; i += 1) await one.cache.write(`${key} ${i}`, i);
    expect(one.cache.lineCount).toBe(10);
    let rounds = 0;
    one.cache.events.on('round', () => (rounds += 1));
    for (let i = 0; i < 30; i += 1) await one.cache.write(`${key} ${i}`, -i);
    expect(rounds).toBe(0);
    for (let i = 0; i < 30; i += 1) expect(await value(two, `${key} ${i}`)).toBe(i === 0 ? 0 : -i);
  } finally {
    await Promise.all(all.map((node) => node.stop()));
    all = [];
    await redis.stop();
  }
});

describe('a Redis that ends', () => {
  beforeEach(async () => {
    redis = await startRedis();
    await startAll({ REDIS_TIMEOUT_MS: '500' });
  });
  afterEach(async () => {
    await redis.stop();
  });

  it('is not missed by hits until the lease ends, then calls are refused', { timeout: 20_000 }, async () => {
    await share('x');
    await redis.kill();
    expect(one.cache.readFromMemory(key)?.value).toBe('x');
    await expect(one.cache.read(`${key} unknown`)).rejects.toThrow(RedisUnavailable);
    await expect(one.cache.write(key, 'y')).rejects.toThrow(RedisUnavailable);
    await eventually(() => one.cache.readFromMemory(key) === undefined, { what: 'the lease to end' });
    await expect(two.cache.write(key, 'y')).rejects.toMatchObject({ mayHaveTakenEffect: false });
    await redis.restart();
    await Promise.all(all.map((node) => node.ready()));
    expect(['x', 'y']).toContain(await value(three));
  });

  it('and comes back whole is used again at once, by new epochs', { timeout: 20_000 }, async () => {
    await share('x');
    const epochs = all.map((node) => node.membership.epoch);
    await redis.kill();
    await redis.restart();
    for (const node of all) {
      await anotherEpoch(node, epochs);
      expect(node.cache.holding).toBe(false);
      expect(await value(node)).toBe('x');
    }
    expect(await one.cache.write(key, 'y')).toMatchObject({ ok: true });
    expect(await value(two)).toBe('y');
  });

  it('and comes back empty is not spoken to until no old copy can be served', { timeout: 20_000 }, async () => {
    await share('x');
    const before = (await one.cache.read(key))?.version ?? 0;
    await redis.kill();
    await redis.restart({ empty: true });
    await eventually(() => one.cache.holding && two.cache.holding && three.cache.holding, { what: 'the hold' });
    expect(one.cache.readFromMemory(key)).toBeUndefined();
    await expect(one.cache.write(key, 'y')).rejects.toMatchObject({ mayHaveTakenEffect: false });
    await Promise.all(all.map((node) => node.ready()));
    expect(await value(two)).toBeUndefined();
    const written = await three.cache.write(key, 'z', { ifVersion: 0 });
    expect((written as { version: number }).version).toBeGreaterThan(before);
    // Who comes later need not wait again.
    const late = new CacheProcess(redis.url, 'node4', 'failures');
    all.push(late);
    await eventually(() => late.membership.leaseStands(), { what: 'the new node to stand' });
    expect(late.cache.holding).toBe(false);
    expect(await value(late)).toBe('z');
  });
});
