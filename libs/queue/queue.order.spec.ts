import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { deliveriesOf, itemsOf, inTurn, startInProcess, type InProcessNode } from './queue.fixture.js';

describe('the order of a queue', () => {
  let redis: TestRedis;
  let one: InProcessNode;
  let two: InProcessNode;

  beforeAll(async () => {
    redis = await startRedis();
    [one, two] = await Promise.all([startInProcess(redis.url), startInProcess(redis.url)]);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await redis.stop();
  });

  const popAll = async (queue: string) => {
    const items: unknown[] = [];
    for (let turn = 0; ; turn += 1) {
      const [item] = itemsOf(await inTurn([one, two], turn).queues.pop({ queue, count: 1 }));
      if (item === undefined) return items;
      items.push(item);
    }
  };

  it('is first in, first out within a priority, larger priorities first, across nodes', async () => {
    const queue = 'priorities';
    const pushed: [number, number][] = [];
    for (let i = 0; i < 60; i += 1) {
      const priority = [0, 7, 100][i % 3] ?? 0;
      pushed.push([priority, i]);
      await inTurn([one, two], i).queues.push({ queue, payload: [priority, i], priority });
    }
    expect(await popAll(queue)).toEqual(pushed.sort(([a, i], [b, j]) => b - a || i - j));
  });

  it('is first in, first out for calls of one turn, which go to Redis as one', async () => {
    const queue = 'one turn';
    const payloads = Array.from({ length: 30 }, (_, i) => i);
    const pushed = await Promise.all(payloads.map((payload) => one.queues.push({ queue, payload })));
    expect(pushed.map((answer) => answer.ok && answer.id)).toEqual(
      pushed.map((answer) => answer.ok && answer.id).sort(),
    );
    const popped = await Promise.all(payloads.map(() => one.queues.pop({ queue, ack: 'manual', count: 1 })));
    const taken = popped.flatMap((answer) => deliveriesOf(answer));
    expect(taken.map(({ item }) => item)).toEqual(payloads);
    const acked = await Promise.all([
      ...taken.map(({ receipt }) => one.queues.ack({ queue, receipt })),
      one.queues.ack({ queue, receipt: taken[0]?.receipt ?? '' }),
    ]);
    expect(acked.map(({ ok }) => ok)).toEqual([...payloads.map(() => true), false]);
    expect(await one.admin.stats(queue)).toMatchObject({ ready: 0, inflight: 0, dead: 0 });
  });

  it('puts a delayed message where it belongs at its time, though nobody pops at that time', async () => {
    const queue = 'delays';
    await one.queues.push({ queue, payload: 'late', delayMs: 120_000 });
    await two.queues.push({ queue, payload: 'delayed', delayMs: 100 });
    await one.queues.push({ queue, payload: 'before' });
    await eventually(async () => (await one.admin.stats(queue)).ready === 2, { what: 'the delayed message' });
    await two.queues.push({ queue, payload: 'after' });
    expect(await popAll(queue)).toEqual(['before', 'delayed', 'after']);
    expect((await one.admin.stats(queue)).delayed).toBe(1);
  });

  it('keeps messages that are due at the same time in the order of pushing', async () => {
    const queue = 'same time';
    const messages = Array.from({ length: 300 }, (_, i) => ({ payload: i, delayMs: 60_000 }));
    await one.queues.pushMany({ queue, messages });
    expect((await two.admin.peek(queue, 'delayed', 100)).map(({ item }) => item)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('keeps the order when more is due at once than one script promotes', async () => {
    const queue = 'many due';
    const due = Array.from({ length: 2500 }, (_, i) => i);
    for (const from of [0, 1000, 2000]) {
      const messages = due.slice(from, from + 1000).map((payload) => ({ payload, delayMs: 600_000 - 100 * from }));
      await one.queues.pushMany({ queue, messages });
    }
    // Ten minutes pass.
    const key = `${one.store.keysOf(queue).bullmq}delayed`;
    const { redis } = one.redis.commands;
    const scored = (await redis.zrange(key, '0', '-1', 'WITHSCORES')).flat().map(String);
    expect(scored.length).toBe(5000);
    const earlier: string[] = [];
    for (let i = 0; i < scored.length; i += 2) {
      earlier.push(String(Number(scored[i + 1]) - 600_000 * 4096), scored[i] ?? '');
    }
    await redis.zadd(key, ...earlier);
    await one.queues.push({ queue, payload: 'last' });
    const items: unknown[] = [];
    for (let page: unknown[] = []; items.length === 0 || page.length > 0; items.push(...page)) {
      page = itemsOf(await two.queues.pop({ queue, count: 100 }));
    }
    expect(items).toEqual([...due.slice(2000), ...due.slice(1000, 2000), ...due.slice(0, 1000), 'last']);
  });

  it('delivers again within a second, before all that wait, in the order in which deliveries ran out', async () => {
    const queue = 'again';
    for (let i = 0; i < 6; i += 1) await one.queues.push({ queue, payload: i });
    const taken = deliveriesOf(await one.queues.pop({ queue, count: 3, ack: 'manual', visibilityMs: 300 }));
    const started = performance.now();
    await two.queues.push({ queue, payload: 'urgent', priority: 100 });
    // Nobody calls the queue: its nodes look after it by themselves.
    let lapsedAfter = 0;
    two.queues.events.once('redelivered', () => (lapsedAfter = performance.now() - started));
    one.queues.events.once('redelivered', () => (lapsedAfter = performance.now() - started));
    await eventually(() => lapsedAfter > 0, { what: 'a redelivery', everyMs: 5 });
    expect(lapsedAfter).toBeGreaterThan(290);
    expect(lapsedAfter).toBeLessThan(1300);
    expect(await popAll(queue)).toEqual([0, 1, 2, 'urgent', 3, 4, 5]);
    const stale = taken.map(({ receipt }) => receipt);
    expect(await one.queues.ack({ queue, receipts: stale })).toEqual({
      ok: false,
      reason: 'stale_receipt',
      acked: 0,
      stale,
    });
  });

  it('tells how long the oldest that is ready has been there, however it came back', async () => {
    const queue = 'age';
    expect((await one.admin.stats(queue)).oldestMs).toBe(null);
    const started = performance.now();
    await one.queues.push({ queue, payload: 'old' });
    const [old] = deliveriesOf(await one.queues.pop({ queue, count: 1, ack: 'manual' }));
    expect((await one.admin.stats(queue)).oldestMs).toBe(null);
    await pause(60);
    const between = performance.now();
    await one.queues.push({ queue, payload: 'new', priority: 100 });
    const { oldestMs } = await one.admin.stats(queue);
    expect(oldestMs).toBeLessThanOrEqual(Math.ceil(performance.now() - between));
    await one.queues.nack({ queue, receipt: old?.receipt ?? '' });
    const age = (await two.admin.stats(queue)).oldestMs;
    expect(age).toBeGreaterThanOrEqual(60);
    expect(age).toBeLessThanOrEqual(Math.ceil(performance.now() - started));
    expect(await popAll(queue)).toEqual(['new', 'old']);
    expect((await one.admin.stats(queue)).oldestMs).toBe(null);
  });

  it('tells the oldest of all priorities, and what stands behind younger ones', async () => {
    const queue = 'ages';
    const readyAre = async (count: number) => {
      const before = Date.now();
      const { ready, oldestMs } = await one.admin.stats(queue);
      const after = Date.now();
      if (ready !== count || oldestMs === null) return false;
      const pushed = (await one.admin.peek(queue, 'ready', 100)).map(({ enqueuedAt }) => enqueuedAt);
      const oldest = Math.min(...pushed);
      expect(oldest).toBeGreaterThanOrEqual(before - oldestMs);
      expect(oldest).toBeLessThanOrEqual(after - oldestMs);
      return true;
    };
    await one.queues.push({ queue, payload: 'late', priority: 3, delayMs: 300 });
    for (const priority of [3, 0, 7, 100, 3]) {
      await pause(5);
      await one.queues.push({ queue, payload: priority, priority });
    }
    expect(await readyAre(5)).toBe(true);
    await eventually(() => readyAre(6), { what: 'the delayed message to be ready' });
    for (let left = 5; left > 0; left -= 1) {
      await one.queues.pop({ queue });
      expect(await readyAre(left)).toBe(true);
    }
  });
});
