import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { deliveriesOf, startInProcess, type InProcessNode } from './queue.fixture.js';

describe('a call with a requestId', () => {
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
    queue = `requests ${run}`;
  });

  it('pushes once, whichever nodes get it', async () => {
    const request = { queue, payload: 1, requestId: 'push-1' };
    const answers = await Promise.all([one, two, one, two].map((node) => node.queues.push(request)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await one.admin.stats(queue)).ready).toBe(1);
    const many = { queue, messages: [{ payload: 2 }, { payload: 3 }], requestId: 'push-1' };
    const first = await one.queues.pushMany(many);
    expect(await two.queues.pushMany(many)).toEqual(first);
    expect((await one.admin.stats(queue)).ready).toBe(3);
  });

  it('pops once, with and without receipts', async () => {
    await one.queues.pushMany({ queue, messages: [{ payload: 1 }, { payload: 2 }, { payload: 3 }] });
    const auto = { queue, requestId: 'pop-1' };
    const manual = { queue, requestId: 'pop-2', ack: 'manual' as const };
    const answers = await Promise.all([one, two, one].map((node) => node.queues.pop(auto)));
    expect(answers).toEqual(Array(3).fill({ ok: true, item: 1 }));
    const taken = await one.queues.pop(manual);
    expect(await two.queues.pop(manual)).toEqual(taken);
    expect(await two.admin.stats(queue)).toMatchObject({ ready: 1, inflight: 1 });
  });

  it('is remembered for five minutes, and only if it changed something', async () => {
    const request = { queue, requestId: 'pop-1' };
    expect(await one.queues.pop(request)).toMatchObject({ reason: 'empty' });
    await one.queues.push({ queue, payload: 1 });
    expect(await two.queues.pop(request)).toEqual({ ok: true, item: 1 });
    const { own } = one.store.keysOf(queue);
    const ttl = await one.redis.commands.redis.pttl(`${own}request:pop:pop-1`);
    expect(ttl).toBeGreaterThan(298_000);
    expect(ttl).toBeLessThanOrEqual(300_000);
  });

  it('belongs to its route and queue', async () => {
    const other = `${queue} other`;
    const requestId = 'same';
    await one.queues.push({ queue, payload: 1, requestId });
    await one.queues.push({ queue: other, payload: 2, requestId });
    await one.queues.pushMany({ queue, messages: [{ payload: 3 }], requestId });
    expect(await one.queues.pop({ queue, requestId })).toEqual({ ok: true, item: 1 });
    expect(await one.queues.pop({ queue: other, requestId })).toEqual({ ok: true, item: 2 });
    expect((await one.admin.stats(queue)).ready).toBe(1);
  });

  it('gives back once, and redrives once', async () => {
    await one.queues.push({ queue, payload: 1 });
    const [first] = deliveriesOf(await one.queues.pop({ queue, count: 1, ack: 'manual' }));
    const nack = { queue, receipt: first?.receipt ?? '', dead: true, requestId: 'nack-1' };
    expect(await one.queues.nack(nack)).toEqual({ ok: true });
    expect(await two.queues.nack(nack)).toEqual({ ok: true });
    expect(await one.admin.redrive({ queue, requestId: 'redrive-1' })).toBe(1);
    const [second] = deliveriesOf(await one.queues.pop({ queue, count: 1, ack: 'manual' }));
    await one.queues.nack({ queue, receipt: second?.receipt ?? '', dead: true });
    expect(await two.admin.redrive({ queue, requestId: 'redrive-1' })).toBe(1);
    expect((await two.admin.stats(queue)).dead).toBe(1);
  });

  it('waits with its repetition for one message, which both are told', async () => {
    const request = { queue, waitMs: 10_000, ack: 'manual' as const, requestId: 'pop-1' };
    const both = [one.queues.pop(request), two.queues.pop(request)];
    await eventually(() => one.queues.waitingPops + two.queues.waitingPops === 2, { what: 'both to wait' });
    await one.queues.push({ queue, payload: 1 });
    await one.queues.push({ queue, payload: 2 });
    const [first, second] = await Promise.all(both);
    expect(first).toMatchObject({ ok: true, item: 1 });
    expect(second).toEqual(first);
    expect(await one.admin.stats(queue)).toMatchObject({ ready: 1, inflight: 1 });
  });

  it('is not put back where its repetition has the receipts, and else is, uncounted', async () => {
    await one.queues.push({ queue, payload: 1 });
    const request = { queue, ack: 'manual' as const, requestId: 'pop-1' };
    /** Whoever asked hangs up while his pop is under way. */
    const popAndLeave = async () => {
      const controller = new AbortController();
      const answer = one.queues.pop(request, controller.signal);
      controller.abort();
      return await answer;
    };
    expect(await popAndLeave()).toMatchObject({ ok: false });
    expect(await one.admin.peek(queue, 'ready')).toMatchObject([{ item: 1, deliveries: 0 }]);
    const answer = await two.queues.pop(request);
    expect(answer).toMatchObject({ ok: true, item: 1, deliveries: 1 });
    expect(await popAndLeave()).toMatchObject({ ok: false });
    expect(await one.admin.stats(queue)).toMatchObject({ ready: 0, inflight: 1 });
  });
});
