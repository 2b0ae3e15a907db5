import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisUnavailable } from '#lib/redis';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { inTurn, startInProcess, type InProcessNode } from './queue.fixture.js';
import { scripts } from './queue.scripts.js';

/** Sooner than a pop would look by itself. */
const SOONER_MS = 600;

describe('waiting pops', () => {
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
    queue = `waiting ${run}`;
  });

  const places = async () => await one.redis.commands.redis.zcard(`${one.store.keysOf(queue).own}waiters`);
  /** Lets pops wait one after the other, on the two nodes in turn. */
  const wait = async (count: number, waitMs = 10_000, signal?: AbortSignal) => {
    const before = await places();
    const waiting = [];
    for (let i = 0; i < count; i += 1) {
      waiting.push(inTurn([one, two], i).queues.pop({ queue, waitMs }, signal));
      await eventually(async () => (await places()) === before + i + 1, { what: 'a place', everyMs: 2 });
    }
    return waiting;
  };
  const attempts = (node: InProcessNode) => {
    let count = 0;
    node.redis.commands.on('answered', (script) => (count += script === 'pop' ? 1 : 0));
    return () => count;
  };

  it('are served first come, first served, each message waking one', async () => {
    const waiting = await wait(6);
    const tried = [attempts(one), attempts(two)];
    for (let i = 0; i < 6; i += 1) await one.queues.push({ queue, payload: i });
    const answers = await Promise.all(waiting);
    expect(answers).toEqual(Array.from({ length: 6 }, (_, item) => ({ ok: true, item })));
    // Besides, each node lets one pop look by itself once a second.
    const total = tried.reduce((sum, count) => sum + count(), 0);
    expect(total).toBeGreaterThanOrEqual(6);
    expect(total).toBeLessThanOrEqual(8);
    expect(await places()).toBe(0);
  });

  it('are woken by what comes back, is redriven, or was held by a pause', async () => {
    await one.queues.push({ queue, payload: 1 });
    const taken = await one.queues.pop({ queue, ack: 'manual' });
    const receipt = taken.ok && 'receipt' in taken ? taken.receipt : '';
    const [first] = await wait(1);
    let started = performance.now();
    await two.queues.nack({ queue, receipt });
    expect(await first).toEqual({ ok: true, item: 1 });
    expect(performance.now() - started).toBeLessThan(SOONER_MS);

    await one.admin.pause(queue);
    const [second] = await wait(1);
    await two.queues.push({ queue, payload: 2 });
    expect(await one.queues.pop({ queue })).toMatchObject({ reason: 'empty' });
    started = performance.now();
    await two.admin.resume(queue);
    expect(await second).toEqual({ ok: true, item: 2 });
    expect(performance.now() - started).toBeLessThan(SOONER_MS);
  });

  it('get a delivery that ran out on another node', async () => {
    await one.queues.push({ queue, payload: 1 });
    await one.queues.pop({ queue, ack: 'manual', visibilityMs: 150 });
    const [waiting] = await wait(1);
    const started = performance.now();
    expect(await waiting).toEqual({ ok: true, item: 1 });
    expect(performance.now() - started).toBeLessThan(1150);
  });

  it('get a delayed message at its time, whether it was there before or came while they waited', async () => {
    const lateness = [];
    for (const pushFirst of [true, false]) {
      const push = async () => await two.queues.push({ queue, payload: 'x', delayMs: 250 });
      let due = 0;
      if (pushFirst) {
        due = performance.now() + 250;
        await push();
      }
      const [waiting] = await wait(1);
      if (!pushFirst) {
        // A far one sets the timer first.
        await two.queues.push({ queue, payload: 'far', delayMs: 60_000 });
        due = performance.now() + 250;
        await push();
      }
      expect(await waiting).toEqual({ ok: true, item: 'x' });
      lateness.push(performance.now() - due);
    }
    for (const late of lateness) {
      expect(late).toBeGreaterThan(-5);
      expect(late).toBeLessThan(SOONER_MS);
    }
  });

  it('end empty at their time, and leave no place', async () => {
    const started = performance.now();
    const [waiting] = await wait(1, 300);
    expect(await waiting).toEqual({ ok: false, reason: 'empty', item: null });
    expect(performance.now() - started).toBeGreaterThan(295);
    expect(await places()).toBe(0);
    expect(one.queues.waitingPops).toBe(0);
  });

  it('pass a wake-up on that they got and cannot use', async () => {
    const controller = new AbortController();
    const [gone] = await wait(1, 10_000, controller.signal);
    const [stays] = await wait(1);
    // A message whose arrival took off the first place, and nobody else was told.
    const { bullmq, own } = one.store.keysOf(queue);
    await one.admin.pause(queue);
    await one.queues.push({ queue, payload: 1 });
    await one.redis.commands.redis.multi().zpopmin(`${own}waiters`).hdel(`${bullmq}meta`, 'paused').exec();
    const started = performance.now();
    controller.abort();
    expect(await stays).toEqual({ ok: true, item: 1 });
    expect(performance.now() - started).toBeLessThan(SOONER_MS);
    expect(await gone).toEqual({ ok: false, reason: 'empty', item: null });
  });

  it('take nothing when their client hangs up', async () => {
    const controller = new AbortController();
    const [gone] = await wait(1, 10_000, controller.signal);
    const [stays] = await wait(1);
    controller.abort();
    await one.queues.push({ queue, payload: 1 });
    expect(await stays).toEqual({ ok: true, item: 1 });
    expect(await gone).toEqual({ ok: false, reason: 'empty', item: null });
    expect(await places()).toBe(0);
  });

  it('are not lost with a wake-up that goes to a node that died', async () => {
    const key = `${one.store.keysOf(queue).own}waiters`;
    await one.redis.commands.redis.zadd(key, 1, '1@sync:channel:dead', 2, '2@sync:channel:dead');
    const [waiting] = await wait(1);
    const started = performance.now();
    await two.queues.push({ queue, payload: 1 });
    expect(await waiting).toEqual({ ok: true, item: 1 });
    expect(performance.now() - started).toBeLessThan(SOONER_MS);
  });

  it('look by themselves when a wake-up was lost, all that there is for', async () => {
    const waiting = await wait(4);
    await one.redis.commands.redis.del(`${one.store.keysOf(queue).own}waiters`);
    for (let i = 0; i < 4; i += 1) await one.queues.push({ queue, payload: i });
    const items = (await Promise.all(waiting)).map((answer) =>
      answer.ok && 'item' in answer ? answer.item : undefined,
    );
    expect(items.sort()).toEqual([0, 1, 2, 3]);
  });

  it('are let go when their node stops, and those of others stay', async () => {
    const third = await startInProcess(redis.url);
    const leaving = third.queues.pop({ queue, waitMs: 10_000 });
    const refused = expect(leaving).rejects.toMatchObject({ status: 503, mayHaveTakenEffect: false });
    await eventually(async () => (await places()) === 1, { what: 'a place' });
    const [stays] = await wait(1);
    third.draining.begin();
    await refused;
    await eventually(async () => (await places()) === 1, { what: 'the place to go' });
    await third.stop();
    await one.queues.push({ queue, payload: 1 });
    expect(await stays).toEqual({ ok: true, item: 1 });
  });

  /** The next pop that finds something takes it, and its node is not told. */
  const loseAnswer = ({ store }: InProcessNode) => {
    const run = store.run.bind(store);
    vi.spyOn(store, 'run').mockImplementation(async (...args) => {
      const answer = await run(...args);
      if (args[0].name !== scripts.pop.name || answer[0] !== 'ok') return answer;
      vi.restoreAllMocks();
      throw new RedisUnavailable('Redis did not answer in time', true);
    });
  };

  it('whose message went with an answer that was lost are not told that nothing was there', async () => {
    const [waiting] = await wait(1, 500);
    loseAnswer(one);
    await two.queues.push({ queue, payload: 1 });
    await expect(waiting).rejects.toMatchObject({ name: 'RedisUnavailable', mayHaveTakenEffect: true });
  });

  it('whose answer was lost get it all the same with a requestId', async () => {
    const waiting = one.queues.pop({ queue, waitMs: 10_000, requestId: 'r' });
    await eventually(async () => (await places()) === 1, { what: 'a place' });
    loseAnswer(one);
    await two.queues.push({ queue, payload: 1 });
    expect(await waiting).toEqual({ ok: true, item: 1 });
  });

  it('outlive Redis, and go on by themselves', async () => {
    const waiting = await wait(4, 20_000);
    await one.queues.push({ queue, payload: 'kept', delayMs: 1500 });
    await redis.kill('SIGKILL');
    await pause(300);
    await redis.restart();
    expect(await Promise.race(waiting)).toEqual({ ok: true, item: 'kept' });
    await Promise.all(
      [1, 2, 3].map(async (payload) => {
        await eventually(async () => (await one.queues.push({ queue, payload })).ok, { what: 'a push' });
      }),
    );
    expect((await Promise.all(waiting)).every(({ ok }) => ok)).toBe(true);
  });
});
