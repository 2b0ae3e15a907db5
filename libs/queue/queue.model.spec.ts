import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../test/cluster/index.js';
import { startInProcess, type InProcessNode } from './queue.fixture.js';
import { QueueModel, type ModelMessage } from './queue.model.fixture.js';
import { messageStates, type MessageToPush, type PopResult } from './queue.types.js';

const RUNS = Number(process.env['QUEUE_MODEL_RUNS'] ?? 40);
const SEED = Number(process.env['QUEUE_MODEL_SEED'] ?? Date.now() % 2 ** 31);
const TIME_LIMIT_MS = 90_000 + 1000 * RUNS;
/** Small, so that they are met often. */
const bounds = { length: 6, inFlight: 2, dead: 2 };

const pick = fc.nat(1000);
const message = fc.record(
  {
    // As JSON: minus zero is zero.
    payload: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    priority: fc.nat(2),
    delayMs: fc.constantFrom(60_000, 120_000, 180_000),
    dedupId: fc.constantFrom(...'a b c d e f g h i j k l'.split(' ')),
    ttlMs: fc.constant(3_600_000),
    maxDeliveries: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['payload'] },
) as fc.Arbitrary<MessageToPush>;
const requestId = fc.option(fc.constantFrom('r1', 'r2', 'r3'), { nil: undefined, freq: 5 });
const often = { weight: 4 };

const operation = fc.oneof(
  { ...often, arbitrary: fc.record({ does: fc.constant('push' as const), message, requestId }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('pushMany' as const),
      messages: fc.array(message, { minLength: 1, maxLength: 5 }),
      requestId,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('pop' as const),
      manual: fc.boolean(),
      count: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      gone: fc.nat(5).map((chance) => chance === 0),
      requestId,
    }),
  },
  {
    ...often,
    arbitrary: fc.record({ does: fc.constant('ack' as const), picks: fc.array(pick, { minLength: 1, maxLength: 3 }) }),
  },
  {
    ...often,
    arbitrary: fc.record({
      does: fc.constant('nack' as const),
      pick,
      delayMs: fc.constantFrom(0, 0, 60_000, 120_000),
      dead: fc.nat(4).map((chance) => chance === 0),
      requestId,
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('extend' as const), pick }) },
  { ...often, arbitrary: fc.record({ does: fc.constant('lapse' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('due' as const) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('expire' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('redrive' as const),
      count: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      requestId,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('purge' as const),
      state: fc.option(fc.constantFrom(...messageStates), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('pause' as const), paused: fc.boolean() }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer Op> ? Op : never;

/** A queue in Redis, used through several nodes, beside the model of it. */
class Pair {
  readonly model = new QueueModel(bounds);
  /** Every receipt that was ever given, so that stale ones are used too. */
  readonly #receipts: string[] = ['17954190000001-AAAAAAAAAAAAAAAA', 'nonsense'];
  #turn = 0;

  constructor(
    private readonly nodes: readonly InProcessNode[],
    private readonly queue: string,
  ) {}

  /** Each call goes to another node. */
  private get node(): InProcessNode {
    this.#turn += 1;
    const node = this.nodes[this.#turn % this.nodes.length];
    if (!node) throw new Error('there are no nodes');
    return node;
  }

  private receipt(pick: number): string {
    return this.#receipts[pick % this.#receipts.length] ?? '';
  }

  async run(step: Operation): Promise<void> {
    const { queue, model } = this;
    const redis = this.node.redis.commands.redis;
    const { bullmq, own } = this.node.store.keysOf(queue);
    switch (step.does) {
      case 'push': {
        const answer = await this.node.queues.push({ queue, ...step.message, ...given(step) });
        const expected = model.once<unknown>('push', step.requestId, () => {
          const pushed = model.push([step.message], () => (answer.ok ? answer.id : ''));
          return pushed === 'full'
            ? { answer: { ok: false, reason: 'full' }, changed: false }
            : {
                answer: { ok: true, id: pushed.ids[0], ...(pushed.duplicates.length > 0 && { duplicate: true }) },
                changed: true,
              };
        });
        expect(answer).toEqual(expected);
        return;
      }
      case 'pushMany': {
        const answer = await this.node.queues.pushMany({ queue, messages: step.messages, ...given(step) });
        const ids = answer.ok ? answer.ids.filter((_, index) => !answer.duplicates?.includes(index)) : [];
        const expected = model.once<unknown>('push-many', step.requestId, () => {
          const pushed = model.push(step.messages, () => ids.shift() ?? '');
          if (pushed === 'full') return { answer: { ok: false, reason: 'full' }, changed: false };
          const duplicates = pushed.duplicates.length > 0 && { duplicates: pushed.duplicates };
          return { answer: { ok: true, ids: pushed.ids, ...duplicates }, changed: true };
        });
        expect(answer).toEqual(expected);
        return;
      }
      case 'pop':
        await this.#pop(step);
        return;
      case 'ack': {
        const receipts = step.picks.map((pick) => this.receipt(pick));
        const stale = receipts.filter((receipt) => !model.ack(receipt));
        const acked = receipts.length - stale.length;
        expect(await this.node.queues.ack({ queue, receipts })).toEqual(
          stale.length === 0 ? { ok: true, acked } : { ok: false, reason: 'stale_receipt', acked, stale },
        );
        return;
      }
      case 'nack': {
        const { delayMs, dead } = step;
        const receipt = this.receipt(step.pick);
        const answer = await this.node.queues.nack({ queue, receipt, delayMs, dead, ...given(step) });
        const expected = model.once('nack', step.requestId, () => {
          const changed = model.nack(receipt, delayMs, dead);
          return { answer: changed ? { ok: true } : { ok: false, reason: 'stale_receipt' }, changed };
        });
        expect(answer).toEqual(expected);
        return;
      }
      case 'extend': {
        const receipt = this.receipt(step.pick);
        expect((await this.node.queues.extend({ queue, receipt, visibilityMs: 30_000 })).ok).toBe(model.holds(receipt));
        return;
      }
      case 'lapse': {
        const out = model.in('inflight');
        const one = out[step.pick % Math.max(out.length, 1)];
        if (!one) return;
        await redis.zadd(`${own}inflight`, 1000, one.id);
        await redis.del(`${bullmq}${one.id}:lock`);
        model.lapse(one);
        return;
      }
      case 'due': {
        const one = model.due();
        if (one) await redis.zadd(`${bullmq}delayed`, (Date.now() - 1) * 4096, one.id);
        return;
      }
      case 'expire': {
        const all = messageStates.flatMap((state) => model.in(state)).filter(({ expires }) => expires);
        const one = all[step.pick % Math.max(all.length, 1)];
        if (!one) return;
        const options = JSON.parse((await redis.hget(bullmq + one.id, 'opts')) ?? '') as object;
        await redis.hset(bullmq + one.id, 'opts', JSON.stringify({ ...options, expiresAt: 1000 }));
        if (await redis.zscore(`${own}expiry`, one.id)) await redis.zadd(`${own}expiry`, 1000, one.id);
        model.expire(one);
        return;
      }
      case 'redrive': {
        const moved = await this.node.admin.redrive({
          queue,
          ...(step.count !== undefined && { count: step.count }),
          ...given(step),
        });
        const expected = model.once('redrive', step.requestId, () => {
          const answer = model.redrive(step.count ?? Infinity);
          return { answer, changed: answer > 0 };
        });
        expect(moved).toBe(expected);
        return;
      }
      case 'purge': {
        const states = step.state === undefined ? messageStates : [step.state];
        let expected = 0;
        for (const state of states) expected += model.purge(state);
        expect(await this.node.admin.purge(queue, step.state)).toBe(expected);
        return;
      }
      case 'pause':
        if (step.paused) await this.node.admin.pause(queue);
        else await this.node.admin.resume(queue);
        model.paused = step.paused;
    }
  }

  async #pop({ manual, count, gone, requestId: id }: Extract<Operation, { does: 'pop' }>): Promise<void> {
    const { queue, model } = this;
    // A pop that nobody waits for any more: only its receipts can be put back.
    const leaves = gone && manual && id === undefined;
    const controller = new AbortController();
    const popping = this.node.queues.pop(
      { queue, ack: manual ? 'manual' : 'auto', ...(count !== undefined && { count }), ...given({ requestId: id }) },
      controller.signal,
    );
    if (leaves) controller.abort();
    const answer = await popping;
    const expected = model.once('pop', id, (): { answer: PopResult; changed: boolean } => {
      const taken = model.pop(manual, count ?? 1);
      if (taken === 'too_many_in_flight') return { answer: { ok: false, reason: taken }, changed: false };
      if (leaves) model.undeliver(taken);
      if (leaves || taken.length === 0) return { answer: { ok: false, reason: 'empty', item: null }, changed: false };
      if (!manual) {
        const items = taken.map(({ payload }) => payload);
        return { answer: count === undefined ? { ok: true, item: items[0] } : { ok: true, items }, changed: true };
      }
      const given = receiptsOf(answer);
      const messages = taken.map((one, index) => {
        const receipt = given[index] ?? '';
        one.receipt = receipt;
        this.#receipts.push(receipt);
        return { item: one.payload, id: one.id, receipt, deliveries: one.deliveries };
      });
      const [first] = messages;
      return { answer: count === undefined && first ? { ok: true, ...first } : { ok: true, messages }, changed: true };
    });
    expect(answer).toEqual(expected);
  }

  /** The queue is what the model says, on any node. */
  async compare(): Promise<void> {
    const { queue, model } = this;
    const { ready, delayed, inflight, dead, paused } = await this.node.admin.stats(queue);
    const counts = messageStates.map((state) => model.in(state).length);
    expect([ready, delayed, inflight, dead]).toEqual(counts);
    expect(paused).toBe(model.paused);
    for (const state of messageStates) {
      const seen = await this.node.admin.peek(queue, state, 100);
      const shown = seen.map(({ id, item, deliveries, priority, reason }) => ({
        id,
        item,
        deliveries,
        priority,
        reason,
      }));
      const expected = model.in(state).map(asPeeked);
      // Deliveries run out in the order of their deadlines, which is not the model's to know.
      if (state === 'inflight') for (const list of [shown, expected]) list.sort((a, b) => a.id.localeCompare(b.id));
      expect(shown, state).toEqual(expected);
    }
  }
}

function given({ requestId: id }: { requestId: string | undefined }): { requestId?: string } {
  return id === undefined ? {} : { requestId: id };
}

function receiptsOf(answer: PopResult): string[] {
  if (!answer.ok) return [];
  if ('messages' in answer) return answer.messages.map(({ receipt }) => receipt);
  return 'receipt' in answer ? [answer.receipt] : [];
}

function asPeeked({ id, payload, deliveries, priority, reason }: ModelMessage) {
  return { id, item: payload, deliveries, priority, reason };
}

let redis: TestRedis;
const nodes: InProcessNode[] = [];

beforeAll(async () => {
  redis = await startRedis();
  const environment = {
    QUEUE_MAX_LENGTH: String(bounds.length),
    QUEUE_MAX_IN_FLIGHT: String(bounds.inFlight),
    QUEUE_MAX_DEAD: String(bounds.dead),
  };
  for (let i = 0; i < 3; i += 1) nodes.push(await startInProcess(redis.url, environment));
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await redis.stop();
});

it(
  `is what the model says after any calls (QUEUE_MODEL_SEED=${SEED})`,
  { timeout: TIME_LIMIT_MS + 30_000 },
  async () => {
    let run = 0;
    const property = fc.asyncProperty(
      fc.array(operation, { minLength: 20, maxLength: 80, size: 'max' }),
      async (steps) => {
        run += 1;
        const pair = new Pair(nodes, `model ${run}`);
        for (const step of steps) {
          await pair.run(step);
          await pair.compare();
          // Dead letters of one millisecond have no order among them.
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      },
    );
    await fc.assert(property, {
      numRuns: RUNS,
      seed: SEED,
      // A counterexample is told even if there was no time to make it as short as can be.
      interruptAfterTimeLimit: TIME_LIMIT_MS,
      markInterruptAsFailure: true,
    });
  },
);
