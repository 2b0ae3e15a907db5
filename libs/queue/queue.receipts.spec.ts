import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { deliveriesOf, startInProcess, type InProcessNode } from './queue.fixture.js';
import type { Delivery } from './queue.types.js';

describe('a receipt', () => {
  let redis: TestRedis;
  let one: InProcessNode;
  let two: InProcessNode;
  let queue = '';
  let run = 0;

  beforeAll(async () => {
    redis = await startRedis();
    [one, two] = await Promise.all([startInProcess(redis.url), startInProcess(redis.url)]);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await redis.stop();
  });
  beforeEach(() => {
    run += 1;
    queue = `receipts ${run}`;
  });

  const take = async (visibilityMs = 30_000): Promise<Delivery> => {
    const [delivery] = deliveriesOf(await one.queues.pop({ queue, count: 1, ack: 'manual', visibilityMs }));
    if (!delivery) throw new Error('nothing to take');
    return delivery;
  };
  /** Every use of a receipt that is void, by another node: none may change what the queue holds. */
  const usesOf = async (receipt: string) => {
    const states = async () => [
      await two.admin.stats(queue),
      await two.admin.peek(queue, 'inflight'),
      await two.admin.peek(queue),
    ];
    const [before] = [await states()];
    const stale = { ok: false, reason: 'stale_receipt' };
    expect(await two.queues.ack({ queue, receipt })).toEqual({ ...stale, acked: 0, stale: [receipt] });
    expect(await two.queues.nack({ queue, receipt })).toEqual(stale);
    expect(await two.queues.nack({ queue, receipt, delayMs: 10 })).toEqual(stale);
    expect(await two.queues.nack({ queue, receipt, dead: true })).toEqual(stale);
    expect(await two.queues.extend({ queue, receipt, visibilityMs: 43_200_000 })).toEqual(stale);
    const ageless = (list: unknown) => JSON.stringify(list).replace(/"oldestMs":\d+/, '');
    expect(ageless(await states())).toBe(ageless(before));
  };

  it('acknowledges on any node, once', async () => {
    await one.queues.push({ queue, payload: 1 });
    const { receipt } = await take();
    expect(await two.queues.ack({ queue, receipt })).toEqual({ ok: true, acked: 1 });
    await usesOf(receipt);
    expect(await one.admin.stats(queue)).toMatchObject({ ready: 0, inflight: 0, dead: 0 });
  });

  it('is stale once its visibility has run out, before and after the message was delivered again', async () => {
    await one.queues.push({ queue, payload: 1 });
    const first = await take(100);
    await eventually(async () => (await one.admin.stats(queue)).ready === 1, { what: 'the message to be ready again' });
    await usesOf(first.receipt);
    const second = await take();
    expect(second).toMatchObject({ id: first.id, deliveries: 2 });
    await usesOf(first.receipt);
    expect(await two.queues.ack({ queue, receipt: second.receipt })).toEqual({ ok: true, acked: 1 });
  });

  it('is stale after it was given back, and after the message was purged or the queue deleted and made again', async () => {
    await one.queues.push({ queue, payload: 1 });
    const first = await take();
    await one.queues.nack({ queue, receipt: first.receipt });
    await usesOf(first.receipt);
    const second = await take();
    expect(await one.admin.purge(queue)).toBe(1);
    await usesOf(second.receipt);
    await one.queues.push({ queue, payload: 2 });
    const third = await take();
    expect(await one.admin.delete(queue)).toBe(1);
    await one.queues.push({ queue, payload: 3 });
    const fourth = await take();
    expect(fourth.id).not.toBe(third.id);
    await usesOf(third.receipt);
  });

  it('is stale on another queue, even for the same id there', async () => {
    await one.queues.push({ queue, payload: 1 });
    const { receipt, id } = await take();
    const own = queue;
    queue = `${own} other`;
    await one.queues.push({ queue, payload: 2 });
    await one.redis.commands.redis.set(`${one.store.keysOf(queue).bullmq}id`, Number(id) - 1);
    await one.queues.push({ queue, payload: 3 });
    await take();
    expect(await take()).toMatchObject({ id });
    await usesOf(receipt);
    expect(await two.queues.ack({ queue: own, receipt })).toEqual({ ok: true, acked: 1 });
  });

  it.each([
    '',
    'x',
    '17954190000001',
    '17954190000001-short',
    'wait-AAAAAAAAAAAAAAAA',
    '17954190000001-AAAAAAAAAAAAAAAA',
  ])('that is none is stale: %j', async (receipt) => {
    await one.queues.push({ queue, payload: 1 });
    await take();
    await usesOf(receipt);
  });

  it('counts among the valid ones of a list, once', async () => {
    await one.queues.pushMany({ queue, messages: [{ payload: 1 }, { payload: 2 }] });
    const [first, second] = [await take(), await take()];
    const receipts = [first.receipt, 'stale', second.receipt, first.receipt];
    const stale = ['stale', first.receipt];
    expect(await one.queues.ack({ queue, receipts })).toEqual({ ok: false, reason: 'stale_receipt', acked: 2, stale });
  });

  it('is extended from now, also to a shorter time', async () => {
    await one.queues.push({ queue, payload: 1 });
    const { receipt } = await take(10_000);
    expect(await two.queues.extend({ queue, receipt, visibilityMs: 60_000 })).toEqual({ ok: true });
    const [inflight] = await one.admin.peek(queue, 'inflight');
    expect((inflight?.visibleAt ?? 0) - Date.now()).toBeGreaterThan(55_000);
    expect(await two.queues.extend({ queue, receipt, visibilityMs: 100 })).toEqual({ ok: true });
    await eventually(async () => (await one.admin.stats(queue)).ready === 1, { what: 'the message to be ready again' });
    await usesOf(receipt);
  });

  it('gives back to the end of the priority, or with a delay, or to the dead letters', async () => {
    await one.queues.pushMany({ queue, messages: [{ payload: 1 }, { payload: 2 }, { payload: 3 }] });
    const items = [];
    for (const how of [{}, { delayMs: 60_000 }, { dead: true }]) {
      const { receipt, item } = await take();
      items.push(item);
      expect(await two.queues.nack({ queue, receipt, ...how })).toEqual({ ok: true });
    }
    expect(items).toEqual([1, 2, 3]);
    expect(await one.admin.peek(queue, 'ready')).toMatchObject([{ item: 1, deliveries: 1 }]);
    const [delayed] = await one.admin.peek(queue, 'delayed');
    expect(delayed).toMatchObject({ item: 2 });
    expect((delayed?.dueAt ?? 0) - Date.now()).toBeGreaterThan(58_000);
    const [dead] = await one.admin.peek(queue, 'dead');
    expect(dead).toMatchObject({ item: 3, reason: 'rejected', deliveries: 1 });
    expect(Math.abs((dead?.deadAt ?? 0) - Date.now())).toBeLessThan(2000);
  });

  it('makes a dead letter after so many deliveries, which a redrive makes ready with none counted', async () => {
    await one.queues.push({ queue, payload: 1, maxDeliveries: 2 });
    await one.queues.nack({ queue, receipt: (await take()).receipt });
    expect((await take(100)).deliveries).toBe(2);
    await eventually(async () => (await one.admin.stats(queue)).dead === 1, { what: 'the dead letter' });
    expect(await one.admin.peek(queue, 'dead')).toMatchObject([{ item: 1, deliveries: 2, reason: 'max_deliveries' }]);
    expect(await two.admin.redrive({ queue })).toBe(1);
    const again = await take();
    expect(again.deliveries).toBe(1);
    expect(await one.queues.nack({ queue, receipt: again.receipt })).toEqual({ ok: true });
    expect((await one.admin.stats(queue)).ready).toBe(1);
  });
});
