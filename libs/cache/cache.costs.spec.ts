import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSettings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CacheProcess } from './cache.fixture.js';
import { LocalLines } from './local.lines.js';

let redis: TestRedis;
let all: CacheProcess[] = [];
let [one, two, three, four] = [] as unknown as [CacheProcess, CacheProcess, CacheProcess, CacheProcess];
let key = '';
let keys = 0;
let polls = 0;

beforeAll(async () => {
  redis = await startRedis();
  all = [1, 2, 3, 4].map((number) => new CacheProcess(redis.url, `node${number}`, 'costs'));
  [one, two, three, four] = all as [CacheProcess, CacheProcess, CacheProcess, CacheProcess];
  for (const node of all) node.cache.events.on('polled', () => (polls += 1));
  await Promise.all(all.map((node) => node.ready()));
  // Each library is loaded once.
  await one.cache.write('warm', 1);
  await two.cache.read('warm');
  await one.cache.write('warm', 2);
});
afterAll(async () => {
  await Promise.all(all.map((node) => node.stop()));
  await redis.stop();
});
beforeEach(() => {
  key = `line ${++keys}`;
});

/** How often Redis ran each of these since the last time. */
async function commands(): Promise<{ scripts: number; messages: number }> {
  const info = await one.connections.lease.redis.info('commandstats');
  await one.connections.lease.redis.config('RESETSTAT');
  const calls = (name: string) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { scripts: calls('fcall') + calls('eval'), messages: calls('publish') };
}

/** Scripts and messages that Redis ran for `action`, in a moment in which no lease is renewed and nobody had to ask again. */
async function costOf(
  prepare: () => Promise<unknown>,
  action: () => Promise<unknown>,
): Promise<{ scripts: number; messages: number }> {
  for (;;) {
    await eventually(() => all.every((node) => node.membership.leaseStands()), { what: 'the leases' });
    await prepare();
    await Promise.all(all.map((node) => node.pauseRenewal()));
    await commands();
    polls = 0;
    await action();
    const cost = await commands();
    for (const node of all) node.renewAgain();
    if (polls === 0) return cost;
  }
}

describe('what is asked of Redis', () => {
  it('by a hit: nothing', async () => {
    const prepare = () => one.cache.write(key, 1);
    expect(await costOf(prepare, () => one.cache.read(key))).toEqual({ scripts: 0, messages: 0 });
  });

  it('by a miss: one round trip, and a message to a node that held the line alone', async () => {
    const prepare = () => one.cache.write(key, 1);
    expect(await costOf(prepare, () => two.cache.read(key))).toEqual({ scripts: 1, messages: 1 });
    expect(
      await costOf(
        () => Promise.resolve(),
        () => three.cache.read(key),
      ),
    ).toEqual({ scripts: 1, messages: 0 });
  });

  it('by a write of the sole holder, or to a line that nobody holds: one round trip and no message', async () => {
    expect(
      await costOf(
        () => Promise.resolve(),
        () => one.cache.write(key, 1),
      ),
    ).toEqual({ scripts: 1, messages: 0 });
    expect(
      await costOf(
        () => Promise.resolve(),
        () => one.cache.write(key, 2),
      ),
    ).toEqual({ scripts: 1, messages: 0 });
  });

  it.each([1, 2, 3])('by a write with %i sharers: its own round trip, then theirs side by side', async (sharers) => {
    const prepare = async () => {
      await one.cache.write(key, 1);
      for (const node of all.slice(1, sharers + 1)) await node.cache.read(key);
      await one.cache.read(key);
    };
    const asked: string[] = [];
    one.connections.commands.on('answered', (script) => asked.push(script));
    const cost = await costOf(prepare, () => one.cache.write(key, 2));
    // BEGIN and one ACK each; INVALIDATE to each and one result: two round trips deep, however many they are.
    expect(cost).toEqual({ scripts: 1 + sharers, messages: sharers + 1 });
    expect(asked.at(-1)).toBe('begin');
  });

  it('by a refused condition: one round trip, whoever holds the line', async () => {
    const prepare = async () => {
      await one.cache.write(key, 1);
      for (const node of all) await node.cache.read(key);
    };
    expect(await costOf(prepare, () => four.cache.write(key, 2, { ifVersion: 0 }))).toEqual({
      scripts: 1,
      messages: 0,
    });
  });

  it('by writes of one node to one line at once: few lists, not one each', async () => {
    const cost = await costOf(
      () => one.cache.write(key, 0),
      () => Promise.all(Array.from({ length: 100 }, () => one.cache.increment(key))),
    );
    expect(cost).toEqual({ scripts: 3, messages: 0 });
  });
});

it('the directory takes a bounded number of bytes for a line and for each of its holders', async () => {
  const size = async () =>
    Number(
      await one.connections.lease.redis.memory(
        'USAGE',
        (await one.connections.lease.redis.keys('costs:cache:*:line:size'))[0] ?? '',
      ),
    );
  await one.cache.write('size', 1);
  const alone = await size();
  await two.cache.read('size');
  const shared = await size();
  await three.cache.read('size');
  expect(alone).toBeLessThan(350);
  expect((await size()) - shared).toBeLessThan(100);
});

it('a million lines stay within the bounds of memory, and need no timers', { timeout: 60_000 }, async () => {
  const MAX_BYTES = 32 * 1024 * 1024;
  const MAX_LINES = 100_000;
  const settings = readSettings({
    REDIS_URL: redis.url,
    CACHE_MAX_BYTES: String(MAX_BYTES),
    CACHE_MAX_LINES: String(MAX_LINES),
  });
  const connections = new RedisConnections(settings);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const lines = new LocalLines(settings, new Membership(settings, connections));
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  for (let i = 0; i < 1_000_000; i += 1) {
    const json = `{"number":${i},"text":"${'x'.repeat(i % 100)}"}`;
    lines.set(`line number ${i}`, { fills: [], copy: { json, version: i, state: 'S', grant: i, epoch: 1 } });
  }
  expect(used() - before).toBeLessThan(MAX_BYTES + MAX_LINES * 40);
  expect(lines.bytes).toBeLessThanOrEqual(MAX_BYTES);
  expect(lines.count).toBeGreaterThan(10_000);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(timers);
  await connections.close();
});
