import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { deliveriesOf, itemsOf, startInProcess, type InProcessNode } from './queue.fixture.js';

describe('the bounds of a queue', () => {
  let redis: TestRedis;
  let node: InProcessNode;
  let queue = '';
  let run = 0;

  beforeAll(async () => {
    redis = await startRedis();
    node = await startInProcess(redis.url, {
      QUEUE_MAX_LENGTH: '5',
      QUEUE_MAX_IN_FLIGHT: '3',
      QUEUE_MAX_DEAD: '2',
      QUEUE_IDLE_MS: '200',
    });
  });
  afterAll(async () => {
    await node.stop();
    await redis.stop();
  });
  beforeEach(() => {
    run += 1;
    queue = `bounds ${run}`;
  });

  const messages = (count: number) => Array.from({ length: count }, (_, payload) => ({ payload }));
  const full = { ok: false, reason: 'full' };

  it('refuse a push over the length: ready, delayed and in flight; a duplicate needs no room', async () => {
    await node.queues.push({ queue, payload: 0, dedupId: 'd' });
    await node.queues.push({ queue, payload: 1, delayMs: 60_000 });
    await node.queues.pop({ queue, ack: 'manual' });
    expect(await node.queues.pushMany({ queue, messages: messages(4) })).toEqual(full);
    expect((await node.queues.pushMany({ queue, messages: messages(3) })).ok).toBe(true);
    expect(await node.queues.push({ queue, payload: 0 })).toEqual(full);
    expect(await node.queues.push({ queue, payload: 0, dedupId: 'd' })).toMatchObject({ ok: true, duplicate: true });
    const mixed = [
      { payload: 0, dedupId: 'd' },
      { payload: 0, dedupId: 'e' },
    ];
    expect(await node.queues.pushMany({ queue, messages: mixed })).toEqual(full);
    expect(await node.admin.stats(queue)).toMatchObject({ ready: 3, delayed: 1, inflight: 1 });
    await node.queues.pop({ queue });
    const answer = await node.queues.pushMany({ queue, messages: [...mixed, ...mixed] });
    expect(answer).toMatchObject({ ok: true, duplicates: [0, 2, 3] });
  });

  it('refuse a pop with receipts over the deliveries out, where there is something', async () => {
    await node.queues.pushMany({ queue, messages: messages(4) });
    const taken = deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count: 100 }));
    expect(taken.length).toBe(3);
    const refused = { ok: false, reason: 'too_many_in_flight' };
    expect(await node.queues.pop({ queue, ack: 'manual' })).toEqual(refused);
    expect(await node.queues.pop({ queue, ack: 'manual', waitMs: 10_000 })).toEqual(refused);
    expect(await node.queues.pop({ queue })).toEqual({ ok: true, item: 3 });
    expect(await node.queues.pop({ queue, ack: 'manual' })).toMatchObject({ reason: 'empty' });
    await node.queues.ack({ queue, receipt: taken[0]?.receipt ?? '' });
    await node.queues.push({ queue, payload: 4 });
    expect(await node.queues.pop({ queue, ack: 'manual' })).toMatchObject({ ok: true, item: 4 });
  });

  it('drop the oldest dead letter, and say so', async () => {
    let dropped = 0;
    node.queues.events.on('deadDropped', (_queue, count) => (dropped += count));
    for (let i = 0; i < 4; i += 1) {
      await node.queues.push({ queue, payload: i });
      const [taken] = deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count: 1 }));
      await node.queues.nack({ queue, receipt: taken?.receipt ?? '', dead: true });
    }
    expect((await node.admin.peek(queue, 'dead')).map(({ item }) => item)).toEqual([2, 3]);
    expect(dropped).toBe(2);
  });

  it('leave dead letters dead that have no room', async () => {
    for (let i = 0; i < 2; i += 1) {
      await node.queues.push({ queue, payload: `dead ${i}` });
      const [taken] = deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count: 1 }));
      await node.queues.nack({ queue, receipt: taken?.receipt ?? '', dead: true });
    }
    await node.queues.pushMany({ queue, messages: messages(4) });
    expect(await node.admin.redrive({ queue })).toBe(1);
    expect(await node.admin.stats(queue)).toMatchObject({ ready: 5, dead: 1 });
  });

  it('end a pop of several at 4 MiB of payload, but give at least one', async () => {
    const large = 'x'.repeat(1_500_000);
    for (let i = 0; i < 4; i += 1) await node.queues.push({ queue, payload: large });
    expect(itemsOf(await node.queues.pop({ queue, count: 100 })).length).toBe(2);
    await node.queues.push({ queue, payload: 'y'.repeat(6_000_000), priority: 1 });
    expect(itemsOf(await node.queues.pop({ queue, count: 100 })).length).toBe(1);
    expect((await node.admin.peek(queue, 'ready', 100)).length).toBe(2);
  });

  it('drop messages whose time to live is over, ready or delayed, and not those in flight', async () => {
    let expired = 0;
    node.queues.events.on('expired', (name, count) => (expired += name === queue ? count : 0));
    await node.queues.push({ queue, payload: 'in flight', ttlMs: 1000, priority: 1 });
    await node.queues.push({ queue, payload: 'ready', ttlMs: 1000 });
    await node.queues.push({ queue, payload: 'delayed', ttlMs: 1000, delayMs: 60_000 });
    await node.queues.push({ queue, payload: 'stays', ttlMs: 60_000 });
    const [taken] = deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count: 1 }));
    await eventually(() => node.admin.stats(queue).then(({ ready, delayed }) => ready === 1 && delayed === 0), {
      what: 'the messages to expire',
    });
    expect(expired).toBe(2);
    expect((await node.admin.stats(queue)).inflight).toBe(1);
    expect(await node.queues.nack({ queue, receipt: taken?.receipt ?? '' })).toEqual({ ok: true });
    expect(expired).toBe(3);
    expect(itemsOf(await node.queues.pop({ queue, count: 100 }))).toEqual(['stays']);
    expect(await node.redis.commands.redis.keys(`${node.store.keysOf(queue).own}*`)).toEqual([]);
  });

  it('keep the node small: 10 000 names cost no connection, and are forgotten when idle', async () => {
    const clients = async () =>
      String(await node.redis.commands.redis.client('LIST'))
        .trim()
        .split('\n').length;
    await node.queues.push({ queue, payload: 0 });
    const before = { clients: await clients(), heap: heapUsed() };
    for (let i = 0; i < 10_000; i += 500) {
      await Promise.all(
        Array.from({ length: 500 }, async (_, n) => {
          await node.queues.push({ queue: `name ${i + n}`, payload: n });
          await node.queues.pop({ queue: `name ${i + n}` });
        }),
      );
    }
    expect(await clients()).toBe(before.clients);
    expect(node.queues.knownQueues).toBeLessThanOrEqual(10_000);
    await eventually(() => node.queues.knownQueues === 0, { what: 'idle queues to be forgotten' });
    expect(heapUsed() - before.heap).toBeLessThan(20 * 1024 * 1024);
  });
});

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
