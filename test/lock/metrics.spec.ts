import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, TestNode, type TestCluster } from '../cluster/index.js';
import { acquire, acquireMany, look, release } from './lock.client.js';

describe('what a node tells of its locks', () => {
  let cluster: TestCluster;
  let node: TestNode;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, env: { ACTIVITY_LOG_MS: '100', LOCK_MAX_WAITERS: '1' } });
    node = cluster.node(1);
    return () => cluster.stop();
  });

  /** Every sample of the locks' metrics, by name and labels but the node's own. */
  async function metrics(of = node): Promise<Map<string, number>> {
    const samples = new Map<string, number>();
    for (const line of (await of.get('/metrics')).text.split('\n')) {
      const [, name = '', labels = '', value] = /^(sync_lock_\w+?)(?:\{(.*)\})? ([\d.e+-]+)$/.exec(line) ?? [];
      if (value !== undefined) samples.set(labels === '' ? name : `${name}{${labels}}`, Number(value));
    }
    return samples;
  }

  /** What work adds to the metrics: those that it moved. */
  async function moved(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await metrics();
    await work();
    const after = await metrics();
    const changes = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
    return Object.fromEntries(changes.filter(([name, by]) => by !== 0 && !/_bucket|_sum/.test(name)));
  }
  const acquired = (mode: string, outcome: string) => `sync_lock_acquire_total{mode="${mode}",outcome="${outcome}"}`;
  const waited = (mode: string, outcome: string) =>
    `sync_lock_wait_duration_seconds_count{mode="${mode}",outcome="${outcome}"}`;
  const waits = (name: string, count: number) =>
    eventually(async () => (await look(node, name)).waitersCount === count, { what: `${count} waiters of ${name}` });

  it('acquisitions by mode and outcome, releases, and the time between them', async () => {
    expect(
      await moved(async () => {
        await acquire(node, 'm1', 'a');
        await acquire(node, 'm1', 'b', { mode: 'shared' });
        await acquire(node, 'm1', 'b', { mode: 'shared', waitMs: 50 });
        await release(node, 'm1', 'b');
        await release(node, 'm1', 'a');
      }),
    ).toEqual({
      [acquired('exclusive', 'granted')]: 1,
      [acquired('shared', 'locked')]: 1,
      [acquired('shared', 'timeout')]: 1,
      [waited('shared', 'timeout')]: 1,
      'sync_lock_released_total{mode="exclusive"}': 1,
      'sync_lock_hold_duration_seconds_count{mode="exclusive"}': 1,
    });
  });

  it('who waits, who was turned away, and what a forced release ended', async () => {
    let waiting: Promise<unknown> = Promise.resolve();
    await acquire(node, 'm2', 'a');
    const begun = await moved(async () => {
      waiting = acquire(node, 'm2', 'b', { waitMs: 20_000 });
      await waits('m2', 1);
      await acquire(node, 'm2', 'c', { waitMs: 20_000 });
    });
    expect(begun).toEqual({
      sync_lock_waiters: 1,
      [acquired('exclusive', 'too_many_waiters')]: 1,
      [waited('exclusive', 'too_many_waiters')]: 1,
    });
    const ended = await moved(async () => {
      await node.request('DELETE', '/lock?name=m2');
      await waiting;
    });
    expect(ended).toEqual({
      sync_lock_waiters: -1,
      sync_lock_forced_total: 1,
      [acquired('exclusive', 'granted')]: 1,
      [waited('exclusive', 'granted')]: 1,
    });
  });

  it('leases that ran out, and deadlocks', async () => {
    expect(
      await moved(async () => {
        await acquire(node, 'm3', 'a', { leaseMs: 100 });
        await acquire(node, 'm3', 'b', { waitMs: 20_000 });
      }),
    ).toMatchObject({ sync_lock_expired_total: 1 });
    await acquireMany(node, 'a', [{ name: 'm4', mode: 'shared' }]);
    await acquire(node, 'm4', 'b', { mode: 'shared' });
    const first = acquire(node, 'm4', 'a', { waitMs: 20_000 });
    await waits('m4', 1);
    const change = await moved(() => acquire(node, 'm4', 'b', { waitMs: 20_000 }));
    expect(change).toEqual({ [acquired('exclusive', 'deadlock')]: 1, [waited('exclusive', 'deadlock')]: 1 });
    await release(node, 'm4', 'b');
    await first;
  });

  it('that it holds back after Redis may have lost holds', async () => {
    const env = { LOCK_GRACE_MAX_MS: '3000', EMPTY_REDIS_IS_NEW: 'false' };
    await using other = await startCluster({ nodes: 0 });
    await using held = await TestNode.create({ redisUrl: other.redis.url, nodeId: 'held', env });
    await held.launch();
    for (const value of [1, 0]) {
      await eventually(async () => (await metrics(held)).get('sync_lock_holding') === value, {
        what: `sync_lock_holding to be ${value}`,
        timeoutMs: 15_000,
      });
    }
  });

  it('a line in the log from time to time, of what it granted and took back', async () => {
    const activity = () =>
      node
        .log()
        .filter((line) => line.includes('"context":"Activity"'))
        .map((line) => JSON.parse(line) as { locksAcquired: number; locksReleased: number })
        .at(-1);
    const total = async (name: string) =>
      [...(await metrics())].reduce((sum, [sample, value]) => sum + (sample.startsWith(name) ? value : 0), 0);
    await acquire(node, 'm5', 'a');
    await release(node, 'm5', 'a');
    const released = await total('sync_lock_released_total');
    const granted = [...(await metrics())].reduce(
      (sum, [sample, value]) => sum + (/^sync_lock_acquire_total.*outcome="granted"/.test(sample) ? value : 0),
      0,
    );
    expect(released).toBeGreaterThan(0);
    await eventually(() => activity()?.locksReleased === released && activity()?.locksAcquired === granted, {
      what: 'the log to say what the metrics say',
    });
  });
});
