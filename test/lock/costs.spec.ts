import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, look, release, renew } from './lock.client.js';
import { scripts } from '../../libs/lock/lock.scripts.js';
import { ScriptedLocks } from './scripted.lock.js';

/** Names of the scripts of locks, and the commands by which a script can be called. */
const OF_LOCKS = [...Object.keys(scripts).filter((name) => name !== 'renew'), 'list', 'waits'];
const WAYS = ['eval', 'evalsha', 'fcall'];

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
  async function calls(): Promise<Map<string, number>> {
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
    const [scriptsBefore, commandsBefore] = [await calls(), await commands()];
    await work();
    const [scriptsAfter, commandsAfter] = [await calls(), await commands()];
    const heard = await ear.messages();
    const messages = heard.filter(({ kind }) => kind.startsWith('lock.'));
    const ticks = heard.filter(({ kind }) => kind === 'tick').length;
    const since = (after: Map<string, number>, before: Map<string, number>) => (name: string) =>
      (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const script = since(scriptsAfter, scriptsBefore);
    const command = since(commandsAfter, commandsBefore);
    return {
      script,
      /** Calls of all scripts of locks but `renew`, which is also the name of the one that keeps a node's lease. */
      ofLocks: OF_LOCKS.reduce((sum, name) => sum + script(name), 0),
      /** Script calls of all kinds, as the nodes and as Redis count them. */
      sent: [...scriptsAfter.keys()].reduce((sum, name) => sum + script(name), 0),
      arrived: WAYS.reduce((sum, name) => sum + command(name), 0),
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
    const { script, ofLocks, sent, arrived, messages, ticks } = await during(async () => {
      for (let i = 0; i < count; i += 1) {
        await acquire(cluster.node(1), `c1-${i}`, 'a');
        await renew(cluster.node(1), 'a', [`c1-${i}`]);
        await release(cluster.node(1), `c1-${i}`, 'a');
      }
    });
    expect(script('acquire')).toBe(count);
    expect(script('release')).toBe(count);
    expect(messages).toEqual([]);
    expect(ofLocks, 'no other script').toBe(2 * count);
    // Of its own lease each node sends one tick with each renewal.
    expect(Math.abs(script('renew') - ticks - count)).toBeLessThanOrEqual(6);
    // A script call is one command over the connection, and no script was called otherwise. The two are read one after
    // the other, while nodes go on renewing their leases and looking after queues.
    expect(Math.abs(arrived - sent)).toBeLessThanOrEqual(30);
  });

  it.each([30, 240])(
    'contended by %i: two script calls and at most two messages for each',
    async (count) => {
      const name = `c2-${count}`;
      await acquire(cluster.node(1), name, 'holder');
      const since = performance.now();
      const { script, ofLocks, messages } = await during(async () => {
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
      const seconds = (performance.now() - since) / 1000;
      const others = ['check', 'graph', 'waits', 'inspect'].reduce((sum, name) => sum + script(name), 0);
      console.log(
        `${count} waiters, ${seconds.toFixed(1)} s: ${messages.length} messages, ${script('check')} checks, ${script('graph')} graphs`,
      );
      expect(ofLocks, 'no other script').toBe(3 * count + 1 + others);
      // The slow check, at most every 750 ms on each node, and timers of deadlines: by time, not by waiter.
      expect(script('check')).toBeLessThanOrEqual(3 * (seconds / 0.75 + 1) + 3);
    },
    60_000,
  );
});
