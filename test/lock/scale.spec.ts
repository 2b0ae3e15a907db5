import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startNode, startRedis, type TestNode, type TestRedis } from '../cluster/index.js';
import type { LockStore } from '../../libs/lock/lock.store.js';
import { acquire, look } from './lock.client.js';
import { costOfCalls, cpuTimeOf } from './redis.cost.js';
import { bystander, ScriptedLocks } from './scripted.lock.js';

const LOCKS = 100_000;
const HOLDERS = 1_000_000;
const BATCH = 5000;

/** Only the speed of scripts is of interest here, not that of the disk. */
async function startQuick(): Promise<TestRedis> {
  const redis = await startRedis();
  await redis.command('config', 'set', 'appendonly', 'no');
  return redis;
}

/** A node, and calls of the scripts besides, on a Redis of their own. */
class Setup {
  #calls = 0;

  private constructor(
    readonly redis: TestRedis,
    readonly node: TestNode,
    readonly locks: ScriptedLocks,
    readonly store: LockStore,
  ) {}

  static async start(): Promise<Setup> {
    const redis = await startQuick();
    const node = await startNode({ redisUrl: redis.url, nodeId: 'node1' });
    const locks = await ScriptedLocks.open(redis.url, 'sync');
    return new Setup(redis, node, locks, locks.store(bystander()));
  }

  async take(name: string, owner: string, mode: 'exclusive' | 'shared' = 'exclusive', leaseMs = 600_000) {
    this.#calls += 1;
    return await this.store.acquire({ name, owner, mode, leaseMs, waitMs: 0, call: `c${this.#calls}` });
  }

  async stop(): Promise<void> {
    this.locks.close();
    await this.node.stop();
    await this.redis.stop();
  }
}

// One after the other: what one does to the processor's caches would count as a cost of the other.
describe('many locks', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await Setup.start();
  });
  afterAll(async () => {
    await setup.stop();
  });

  /** Acquires and releases, by an owner of his own. */
  const work = ({ redis, locks }: { redis: TestRedis; locks: ScriptedLocks }) => {
    const store = locks.store(bystander());
    const names = Array.from({ length: 300 }, (_, i) => `cost${i}`);
    const wanted = { owner: 'a', mode: 'exclusive' as const, leaseMs: 600_000, waitMs: 0, call: 'c' };
    // Several times in a row, so that what the other left in the processor's caches counts for little.
    const run = async () => {
      for (let time = 0; time < 5; time += 1) {
        await Promise.all(names.map((name) => store.acquire({ name, ...wanted })));
        await Promise.all(names.map((name) => store.release(name, 'a', undefined, undefined)));
      }
    };
    return { redis, run };
  };

  it(`are held at once, ${LOCKS} of them, and listed once each; a call costs no more than alone`, async () => {
    const { node } = setup;
    for (let from = 0; from < LOCKS; from += BATCH) {
      const numbers = Array.from({ length: BATCH }, (_, i) => from + i);
      const taken = await Promise.all(numbers.map((i) => setup.take(`lock ${i}`, `owner${i % 10}`)));
      expect(taken.filter(({ kind }) => kind === 'granted')).toHaveLength(BATCH);
    }
    await using empty = await startQuick();
    const alone = await ScriptedLocks.open(empty.url, 'sync');
    const cost = await costOfCalls({ alone: work({ redis: empty, locks: alone }), beside: work(setup) });
    alone.close();
    console.log(
      `acquire or release: ${cost.least.alone.toFixed(1)} us alone, ${cost.least.beside.toFixed(1)} us beside ${LOCKS} locks`,
    );
    expect(cost.ratio('beside', 'alone')).toBeLessThan(1.5);
    const seen = new Set<string>();
    let last = '';
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const answer = await node.get(`/locks?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page = answer.body as unknown as { locks: { name: string }[]; cursor: string | null };
      for (const { name } of page.locks) {
        if (Buffer.compare(Buffer.from(last), Buffer.from(name)) >= 0) expect.fail(`${name} comes after ${last}`);
        last = name;
        seen.add(name);
      }
      cursor = page.cursor;
    }
    expect(seen.size).toBe(LOCKS);
    expect(pages).toBeLessThan(2 * (LOCKS / 1000));
    const mine = await node.get('/locks?owner=owner3&prefix=lock%201&limit=1000');
    expect((mine.body['locks'] as unknown[]).length).toBeGreaterThan(900);
  }, 180_000);
});

describe.concurrent('many holders of one lock', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await Setup.start();
  });
  afterAll(async () => {
    await setup.stop();
  });

  /** Lets so many hold the lock, until the same moment. */
  async function crowd(name: string, count: number, leaseMs: number): Promise<void> {
    const { locks, node } = setup;
    // With two the lock has the keys of one that many hold.
    await setup.take(name, 'first', 'shared', leaseMs);
    await setup.take(name, 'second', 'shared', leaseMs);
    const { holds, deadlines } = locks.own(name);
    const { score: deadline = 0, words } = (await locks.dump(name)).holds.get('first') ?? { words: [] };
    // As that many calls would leave it, but in less time.
    const fill = `
      for from = tonumber(ARGV[1]), tonumber(ARGV[2]), 1000 do
        local held, ends = {}, {}
        for i = from, math.min(from + 999, tonumber(ARGV[2])) do
          held[#held + 1], held[#held + 2] = 'holder' .. i, ARGV[3]
          ends[#ends + 1], ends[#ends + 2] = ARGV[4], 'holder' .. i
        end
        redis.call('HSET', KEYS[1], unpack(held))
        redis.call('ZADD', KEYS[2], unpack(ends))
      end`;
    const at = 10_000;
    for (let from = 2; from < count; from += at) {
      const to = Math.min(from + at, count) - 1;
      await locks.redis.eval(fill, 2, holds, deadlines, from, to, words.join(' '), deadline);
    }
    expect((await look(node, name)).holdersCount).toBe(count);
  }

  // What Redis is busy with is counted, so that nothing else may be under way there.
  it(
    `are cleared, ${HOLDERS} that expire at once, without keeping Redis busy for 20 ms at a time`,
    { concurrent: false, timeout: 180_000 },
    async () => {
      const name = 'million';
      const { locks, node, redis } = setup;
      await crowd(name, HOLDERS, 600_000);
      await locks.advance(name, 600_001);
      const last = { more: true };
      const stepping = locks.store(bystander(), ({ more }) => {
        last.more = more;
      });
      const since = performance.now();
      let longest = 0;
      for (let before = cpuTimeOf(redis.pid); last.more;) {
        await stepping.check(name, []);
        const after = cpuTimeOf(redis.pid);
        longest = Math.max(longest, after - before);
        before = after;
      }
      const seconds = (performance.now() - since) / 1000;
      console.log(`cleared ${HOLDERS} holders in ${seconds.toFixed(1)} s, at most ${longest.toFixed(1)} ms at a time`);
      expect(longest).toBeLessThan(20);
      expect(await look(node, name)).toMatchObject({ mode: null, holdersCount: 0 });
    },
  );

  it(
    'are cleared where nobody asks about them any more, before their keys expire as a whole',
    { concurrent: false, timeout: 60_000 },
    async () => {
      const { locks, node } = setup;
      const { deadlines } = locks.own('deserted');
      await crowd('deserted', 20_000, 4000);
      const since = performance.now();
      // The last that anybody did to it was to take part; that node looks after it.
      expect(await acquire(node, 'deserted', 'last', { mode: 'shared', leaseMs: 60_000 })).toMatchObject({ ok: true });
      await eventually(async () => (await locks.redis.zcard(deadlines)) === 1, {
        what: 'the others to go',
        timeoutMs: 20_000,
      });
      expect(performance.now() - since).toBeGreaterThan(2000);
    },
  );
});
