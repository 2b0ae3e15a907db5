import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, look, release, renew } from './lock.client.js';
import { ScriptedLocks } from './scripted.lock.js';

describe('what a lock costs', () => {
  let cluster: TestCluster;
  let ear: ScriptedLocks;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    ear = await ScriptedLocks.open(cluster.redis.url, 'sync');
  });
  afterAll(async () => {
    ear.close();
    await cluster.stop();
  });

  /** Calls of each script by all nodes, as their metrics count them. */
  async function scripts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const node of cluster.nodes) {
      for (const line of (await node.get('/metrics')).text.split('\n')) {
        const [, script = '', count] =
          /^sync_redis_command_duration_seconds_count\{.*script="([\w-]+)".*\} (\d+)/.exec(line) ?? [];
        if (count !== undefined) counts.set(script, (counts.get(script) ?? 0) + Number(count));
      }
    }
    return counts;
  }

  /** What Redis itself counted: commands that came over connections are those that no script ran. */
  async function commands(): Promise<Map<string, number>> {
    const info = (await cluster.redis.command('info', 'commandstats')) as string;
    return new Map(
      [...info.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)].map(([, name = '', calls]) => [name, Number(calls)]),
    );
  }

  async function during(work: () => Promise<void>) {
    await ear.messages();
    const [scriptsBefore, commandsBefore] = [await scripts(), await commands()];
    await work();
    const [scriptsAfter, commandsAfter] = [await scripts(), await commands()];
    const heard = await ear.messages();
    const messages = heard.filter(({ kind }) => kind.startsWith('lock.'));
    const ticks = heard.filter(({ kind }) => kind === 'tick').length;
    const since = (after: Map<string, number>, before: Map<string, number>) => (name: string) =>
      (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const sum = (counts: Map<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
    return {
      script: since(scriptsAfter, scriptsBefore),
      calls: sum(scriptsAfter) - sum(scriptsBefore),
      command: since(commandsAfter, commandsBefore),
      messages,
      ticks,
    };
  }

  it('uncontended: one script call and one round trip for each acquire, renewal and release', async () => {
    const count = 300;
    // Every script is known to Redis after the first time.
    await acquire(cluster.node(1), 'c0', 'a');
    await renew(cluster.node(1), 'a', ['c0']);
    await release(cluster.node(1), 'c0', 'a');
    const { script, calls, command, messages, ticks } = await during(async () => {
      for (let i = 0; i < count; i += 1) {
        await acquire(cluster.node(1), `c1-${i}`, 'a');
        await renew(cluster.node(1), 'a', [`c1-${i}`]);
        await release(cluster.node(1), `c1-${i}`, 'a');
      }
    });
    expect(script('acquire')).toBe(count);
    expect(script('release')).toBe(count);
    expect(messages).toEqual([]);
    // `renew` is also the name of the script by which nodes keep their leases, of which each sends one tick.
    expect(Math.abs(script('renew') - ticks - count)).toBeLessThanOrEqual(6);
    // A script call is one command over the connection, and nothing else was called.
    expect(command('fcall')).toBeGreaterThanOrEqual(3 * count);
    // The sums are read one after the other, while nodes go on renewing and sweeping.
    expect(Math.abs(command('fcall') - calls)).toBeLessThanOrEqual(30);
    for (const other of ['eval', 'evalsha']) expect(command(other)).toBe(0);
    for (const other of ['check', 'confirm', 'leave', 'undelivered', 'extend', 'graph']) expect(script(other)).toBe(0);
  });

  it.each([30, 240])(
    'contended by %i: two script calls and at most two messages for each',
    async (count) => {
      const name = `c2-${count}`;
      await acquire(cluster.node(1), name, 'holder');
      const { script, messages } = await during(async () => {
        const waiting = Array.from({ length: count }, async (_, i) => {
          const node = cluster.node((i % 3) + 1);
          expect(await acquire(node, name, `owner${i}`, { waitMs: 60_000 })).toMatchObject({ ok: true });
          await release(node, name, `owner${i}`);
        });
        await eventually(async () => (await look(cluster.node(1), name)).waitersCount === count, {
          what: 'all to wait',
        });
        await release(cluster.node(1), name, 'holder');
        await Promise.all(waiting);
      });
      expect(script('acquire')).toBe(count);
      expect(script('confirm')).toBe(count);
      expect(script('release')).toBe(count + 1);
      expect(script('leave')).toBe(0);
      const offers = messages.filter(({ kind }) => kind === 'lock.offer');
      expect(offers).toHaveLength(count);
      expect(messages.length).toBeLessThanOrEqual(2 * count);
      console.log(`${count} waiters: ${messages.length} messages, ${script('check')} checks`);
      // The slow check and the timers of deadlines: no part of an acquire, and few.
      expect(script('check')).toBeLessThan(count);
    },
    60_000,
  );
});
