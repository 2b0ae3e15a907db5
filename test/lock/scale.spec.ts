import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startNode, startRedis, type TestNode, type TestRedis } from '../cluster/index.js';
import type { LockStore } from '../../libs/lock/lock.store.js';
import { acquire, look } from './lock.client.js';
import { ScriptedLocks } from './scripted.lock.js';

const LOCKS = 100_000;
const HOLDERS = 1_000_000;
const BATCH = 5000;

describe('many locks, and many holders of one', () => {
  let redis: TestRedis;
  let node: TestNode;
  let locks: ScriptedLocks;
  let store: LockStore;
  let calls = 0;
  beforeAll(async () => {
    redis = await startRedis();
    // Only the speed of scripts is of interest here, not that of the disk.
    await redis.command('config', 'set', 'appendonly', 'no');
    node = await startNode({ redisUrl: redis.url, nodeId: 'node1' });
    locks = await ScriptedLocks.open(redis.url, 'sync');
    store = locks.store({
      instance: 'none',
      nodeId: 'none',
      epoch: () => 0,
      snapshot: () => '0',
      floor: () => 0,
      grants: () => true,
    });
  });
  afterAll(async () => {
    locks.close();
    await node.stop();
    await redis.stop();
  });

  const take = async (name: string, owner: string, mode: 'exclusive' | 'shared' = 'exclusive', leaseMs = 600_000) => {
    calls += 1;
    return await store.acquire({ name, owner, mode, leaseMs, waitMs: 0, call: `c${calls}` });
  };

  /** CPU time in Redis of one acquire and release, in microseconds: the least of some measurements. */
  async function cost(): Promise<number> {
    const spent = async () => {
      const info = (await redis.command('info', 'commandstats')) as string;
      const [, count, usec] = /^cmdstat_fcall:calls=(\d+),usec=(\d+)/m.exec(info) ?? [];
      return { count: Number(count), usec: Number(usec) };
    };
    let least = Infinity;
    for (let round = 0; round < 5; round += 1) {
      const before = await spent();
      for (let i = 0; i < 300; i += 1) {
        await take(`cost${i}`, 'a');
        await store.release(`cost${i}`, 'a', undefined, undefined);
      }
      const after = await spent();
      least = Math.min(least, (after.usec - before.usec) / (after.count - before.count));
    }
    return least;
  }

  it(`holds ${LOCKS} locks at once and lists each of them once; a call costs no more than before`, async () => {
    const before = await cost();
    for (let from = 0; from < LOCKS; from += BATCH) {
      await Promise.all(Array.from({ length: BATCH }, (_, i) => take(`lock ${from + i}`, `owner${(from + i) % 10}`)));
    }
    const after = await cost();
    console.log(
      `Redis time of an acquire or release: ${before.toFixed(1)} us alone, ${after.toFixed(1)} us beside ${LOCKS} locks`,
    );
    expect(after).toBeLessThan(2 * before);
    const seen = new Set<string>();
    let last = '';
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const answer = await node.get(`/locks?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page = answer.body as unknown as { locks: { name: string }[]; cursor: string | null };
      for (const { name } of page.locks) {
        expect(Buffer.compare(Buffer.from(last), Buffer.from(name))).toBeLessThan(0);
        last = name;
        seen.add(name);
      }
      cursor = page.cursor;
    }
    expect(seen.size).toBe(LOCKS);
    expect(pages).toBeLessThan(2 * (LOCKS / 1000));
    const mine = await node.get('/locks?owner=owner3&prefix=lock%201&limit=1000');
    expect((mine.body['locks'] as unknown[]).length).toBeGreaterThan(900);
  }, 120_000);

  /** Lets so many hold the lock, until the same moment. */
  async function crowd(name: string, count: number, leaseMs: number): Promise<void> {
    await take(name, 'first', 'shared', leaseMs);
    const [, holds = '', deadlines = ''] = locks.keys.of(name);
    const { score: deadline = 0, words } = (await locks.dump(name)).holds.get('first') ?? { words: [] };
    // As that many calls would leave it, but in less time.
    const fill = `
      for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
        redis.call('HSET', KEYS[1], 'holder' .. i, ARGV[3])
        redis.call('ZADD', KEYS[2], ARGV[4], 'holder' .. i)
      end`;
    const at = 10_000;
    for (let from = 1; from < count; from += at) {
      const to = Math.min(from + at, count) - 1;
      await locks.redis.eval(fill, 2, holds, deadlines, from, to, words.join(' '), deadline);
    }
    expect((await look(node, name)).holdersCount).toBe(count);
  }

  it(`clears ${HOLDERS} shared holders that expire at once without keeping Redis busy for 20 ms at a time`, async () => {
    const name = 'million';
    await crowd(name, HOLDERS, 600_000);
    await locks.advance(name, 600_001);
    const last = { more: true };
    const stepping = locks.store(
      { instance: 'none', nodeId: 'none', epoch: () => 0, snapshot: () => '0', floor: () => 0, grants: () => true },
      ({ more }) => {
        last.more = more;
      },
    );
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
  }, 180_000);

  it('clears a crowd that nobody asks about any more, before its keys expire as a whole', async () => {
    const [, , deadlines = ''] = locks.keys.of('deserted');
    await crowd('deserted', 20_000, 4000);
    const since = performance.now();
    // The last that anybody did to it was to take part; that node looks after it.
    expect(await acquire(node, 'deserted', 'last', { mode: 'shared', leaseMs: 60_000 })).toMatchObject({ ok: true });
    await eventually(async () => (await locks.redis.zcard(deadlines)) === 1, {
      what: 'the others to go',
      timeoutMs: 20_000,
    });
    expect(performance.now() - since).toBeGreaterThan(2000);
  }, 60_000);
});

/** CPU time of a process's main thread so far, ms: other programs on the machine do not count. */
function cpuTimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}
