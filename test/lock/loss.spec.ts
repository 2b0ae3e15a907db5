import { describe, expect, it } from 'vitest';
import { eventually, startCluster, startNode, startRedis, TestNode, type TestCluster } from '../cluster/index.js';
import { acquire, look, release } from './lock.client.js';

const ask = (owner: string, fields = {}) => ({ name: 'r', owner, mode: 'exclusive', ...fields });

/** Asks until the node no longer answers 503, and makes sure that these took no effect. */
async function firstAnswer(cluster: TestCluster, number: number, owner: string) {
  let refused = 0;
  const answer = await eventually(
    async () => {
      const one = await cluster.node(number).post('/lock/acquire', ask(owner));
      if (one.status === 200) return one.body;
      expect(one.status).toBe(503);
      refused += 1;
      return undefined;
    },
    { what: 'the lock service to be back', timeoutMs: 40_000 },
  );
  return { answer, refused, at: performance.now() };
}

/** Waits until every node has renewed its lease so many times. */
async function renewals({ redis }: TestCluster, times: number): Promise<void> {
  const count = async () => {
    const fields = (await redis.command('hgetall', 'sync:{membership}:registry')) as Record<string, string> | string[];
    const flat = Array.isArray(fields) ? fields : Object.entries(fields).flat();
    return new Map(flat.flatMap((field, i) => (field.startsWith('r:') ? [[field, Number(flat[i + 1])] as const] : [])));
  };
  const before = await count();
  await eventually(async () => [...(await count())].every(([epoch, now]) => now >= (before.get(epoch) ?? 0) + times), {
    what: `${times} renewals of everyone`,
  });
}

describe('when Redis is killed', () => {
  // They wait for leases and holds to end, each with a Redis of its own: some of them at a time.
  it.concurrent(
    'keeps every hold and place if it kept its data',
    async () => {
      await using cluster = await startCluster({ nodes: 3 });
      const a = await acquire(cluster.node(1), 'r', 'a');
      const b = acquire(cluster.node(2), 'r', 'b', { waitMs: 40_000 });
      await eventually(async () => (await look(cluster.node(1), 'r')).waitersCount === 1, { what: 'the waiter' });
      await cluster.redis.kill();
      const away = await cluster.node(1).post('/lock/acquire', ask('c'));
      expect(away.status).toBe(503);
      await cluster.redis.restart();
      await Promise.all(cluster.nodes.map((node) => node.ready()));
      const { answer } = await firstAnswer(cluster, 3, 'c');
      expect(answer).toEqual({ ok: false, reason: 'locked' });
      expect(await look(cluster.node(3), 'r')).toMatchObject({
        holders: [{ owner: 'a', token: a.token }],
        waiters: [{ owner: 'b' }],
      });
      expect(await release(cluster.node(3), 'r', 'a')).toEqual({ ok: true });
      const granted = await b;
      expect(granted).toMatchObject({ ok: true });
      expect(granted.token).toBeGreaterThan(a.token ?? Infinity);
    },
    60_000,
  );

  it.concurrent(
    'grants nothing to another before the end of the last lease if it lost its data; places stay, tokens grow',
    async () => {
      await using cluster = await startCluster({ nodes: 3 });
      const leaseMs = 5000;
      // A token that is ahead of Redis's clock, as after a clock that was set back: only the nodes remember it.
      await cluster.redis.command('hset', 'sync:{membership}:registry', 'max:token', '8000000000000000');
      const a = await eventually(
        async () => {
          const one = await acquire(cluster.node(1), 'other', 'a', { leaseMs: 100 });
          return (one.token ?? 0) > 8_000_000_000_000_000 ? one : undefined;
        },
        { what: 'the floor to be known', everyMs: 200 },
      );
      expect(a.ok).toBe(true);
      const first = await acquire(cluster.node(1), 'r', 'a', { leaseMs });
      const end = performance.now() + leaseMs;
      const waiting = [2, 3].map((number) => async () => {
        const answer = await acquire(cluster.node(number), 'r', `waiter${number}`, { waitMs: 40_000, leaseMs: 1000 });
        return { answer, at: performance.now() };
      });
      const b = waiting[0]?.();
      await eventually(async () => (await look(cluster.node(1), 'r')).waitersCount === 1, { what: 'the first waiter' });
      const c = waiting[1]?.();
      await eventually(async () => (await look(cluster.node(1), 'r')).waitersCount === 2, {
        what: 'the second waiter',
      });
      // What a node granted last it shares with its next renewal, and the others learn it with theirs.
      await renewals(cluster, 2);
      await renewals(cluster, 2);
      await cluster.node(1).kill();
      await cluster.redis.kill();
      await cluster.redis.restart({ empty: true });
      const { answer, refused, at } = await firstAnswer(cluster, 3, 'd');
      expect(refused).toBeGreaterThan(0);
      // To the lease itself the margins of clocks are added, never taken away.
      expect(at).toBeGreaterThan(end - 50);
      expect(answer).toEqual({ ok: false, reason: 'locked' });
      const [two, three] = await Promise.all([b, c]);
      expect(two?.answer).toMatchObject({ ok: true });
      expect(two?.at).toBeGreaterThan(end - 50);
      expect(three?.at).toBeGreaterThan(two?.at ?? Infinity);
      expect(two?.answer.token).toBeGreaterThan(first.token ?? Infinity);
      expect(three?.answer.token).toBeGreaterThan(two?.answer.token ?? Infinity);
    },
    60_000,
  );

  it('answers those who wait by the end of their wait, when Redis hangs', async () => {
    await using cluster = await startCluster({ nodes: 1 });
    await acquire(cluster.node(1), 'r', 'a');
    const since = performance.now();
    const waiting = cluster.node(1).post('/lock/acquire', ask('b', { waitMs: 1500 }));
    await eventually(async () => (await look(cluster.node(1), 'r')).waitersCount === 1, { what: 'the waiter' });
    cluster.redis.pause();
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(performance.now() - since).toBeLessThan(1500 + 1000 + 300);
    cluster.redis.resume();
    await cluster.node(1).ready();
    await eventually(async () => (await cluster.node(1).post('/lock/acquire', ask('b'))).body['reason'] === 'locked', {
      what: 'the lock service to be back',
    });
  }, 30_000);

  it.concurrent(
    'leaves no place to whoever was told that Redis did not answer, when Redis hangs',
    async () => {
      await using cluster = await startCluster({ nodes: 1 });
      const node = cluster.node(1);
      await acquire(node, 'r', 'a', { leaseMs: 60_000 });
      const waiting = node.post('/lock/acquire', ask('b', { waitMs: 1500 }));
      await eventually(async () => (await look(node, 'r')).waitersCount === 1, { what: 'the waiter' });
      cluster.redis.pause();
      // Redis takes up both calls when it goes on: this one's place, and the first one's end of it, which came too late.
      const late = node.post('/lock/acquire', ask('c', { waitMs: 60_000 }));
      expect((await Promise.all([waiting, late])).map(({ status }) => status)).toEqual([503, 503]);
      cluster.redis.resume();
      await node.ready();
      await eventually(async () => (await look(node, 'r')).waitersCount === 0, {
        what: 'nobody to wait',
        timeoutMs: 5000,
      });
    },
    30_000,
  );

  it.concurrent(
    'holds a new process back under a Redis of which nobody knows what it held',
    async () => {
      await using redis = await startRedis();
      const env = { LOCK_GRACE_MAX_MS: '3000', EMPTY_REDIS_IS_NEW: 'false' };
      // It is not ready before its hold ends, so nothing waits for that.
      await using one = await TestNode.create({ redisUrl: redis.url, nodeId: 'one', env });
      await one.launch();
      const held = 'Redis may have lost holds that are still in force; the call has taken no effect';
      const first = await eventually(
        async () => {
          const answer = await one.post('/lock/acquire', ask('a'));
          expect(answer.status).toBe(503);
          return answer.body['detail'] === held && answer;
        },
        { what: 'the hold', timeoutMs: 15_000 },
      );
      expect(first.body).toMatchObject({ mayHaveTakenEffect: false });
      await eventually(async () => (await one.post('/lock/acquire', ask('a'))).status === 200, {
        what: 'the end of the hold',
        timeoutMs: 15_000,
      });
      await using two = await startNode({ redisUrl: redis.url, nodeId: 'two', env });
      expect((await two.post('/lock/acquire', ask('b'))).body).toEqual({ ok: false, reason: 'locked' });
    },
    30_000,
  );

  it.concurrent(
    'grants nothing new when Redis is full, but lets holds be renewed, waited out and released',
    async () => {
      await using cluster = await startCluster({ nodes: 1 });
      const node = cluster.node(1);
      const held = await acquire(node, 'r', 'a');
      const waiting = acquire(node, 'r', 'b', { waitMs: 20_000 });
      await eventually(async () => (await look(node, 'r')).waitersCount === 1, { what: 'the waiter' });
      await cluster.redis.command('config', 'set', 'maxmemory', '1');
      const refused = await node.post('/lock/acquire', { name: 'other', owner: 'a', mode: 'exclusive' });
      expect(refused.status).toBe(503);
      expect(refused.body).toMatchObject({ mayHaveTakenEffect: false });
      expect((await node.post('/lock/renew', { owner: 'a', name: 'r' })).body).toMatchObject({ ok: true });
      expect(await release(node, 'r', 'a', { token: held.token ?? 0 })).toEqual({ ok: true });
      expect(await waiting).toMatchObject({ ok: true });
      expect(await release(node, 'r', 'b')).toEqual({ ok: true });
    },
    30_000,
  );

  it.concurrent(
    'waits for replicas where it is told to, and takes back what they did not get',
    async () => {
      await using replica = await startRedis();
      await using cluster = await startCluster({ nodes: 1, env: { LOCK_MIN_REPLICAS: '1' } });
      await acquireRefused(cluster);
      // A primary waits a while for more replicas before it sends its data to the first.
      await cluster.redis.command('config', 'set', 'repl-diskless-sync-delay', '0');
      await replica.command('replicaof', '127.0.0.1', String(cluster.redis.port));
      await eventually(async () => (await cluster.node(1).post('/lock/acquire', ask('a'))).status === 200, {
        what: 'the replica to follow',
        timeoutMs: 20_000,
      });
      expect((await look(cluster.node(1), 'r')).holders).toMatchObject([{ owner: 'a' }]);
    },
    40_000,
  );
});

async function acquireRefused(cluster: TestCluster): Promise<void> {
  const answer = await cluster.node(1).post('/lock/acquire', ask('a'));
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({ mayHaveTakenEffect: true });
  await eventually(async () => (await look(cluster.node(1), 'r')).mode === null, { what: 'the hold to be taken back' });
}
