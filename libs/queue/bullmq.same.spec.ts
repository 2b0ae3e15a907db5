import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../test/cluster/index.js';
import { BullmqOperations } from './bullmq.fixture.js';
import { startInProcess, type InProcessNode } from './queue.fixture.js';

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('push' as const),
      payload: fc.jsonValue({ maxDepth: 1 }),
      priority: fc.nat(2),
      maxDeliveries: fc.integer({ min: 100, max: 1000 }),
      ttlMs: fc.constantFrom(0, 3_600_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pop' as const), ack: fc.constantFrom('auto', 'manual') }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('ack' as const), pick: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('lapse' as const), pick: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('pause' as const), paused: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

let server: TestRedis;
let redis: Redis;
let node: InProcessNode;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  node = await startInProcess(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await node.stop();
  await server.stop();
});

/** One queue, used by our scripts and, under other keys, by BullMQ's own operations. */
class Twins {
  readonly #ours: string;
  readonly #its: string;
  readonly #own: string;
  readonly #bullmq: BullmqOperations;
  #taken: { id: string; receipt: string }[] = [];

  constructor(private readonly queue: string) {
    ({ bullmq: this.#ours, own: this.#own } = node.store.keysOf(queue));
    this.#its = `twin:${this.#ours}`;
    this.#bullmq = new BullmqOperations(redis, this.#its);
  }

  /** What is ours alone: how the first push sets a queue up. */
  async begin(): Promise<void> {
    await node.queues.push({ queue: this.queue, payload: 0 });
    await node.queues.pop({ queue: this.queue });
    for (const key of ['meta', 'id', 'pc', 'marker']) await redis.copy(this.#ours + key, this.#its + key);
  }

  async run(one: Step): Promise<void> {
    const { queue } = this;
    switch (one.does) {
      case 'push': {
        const { does: _, ttlMs, ...message } = one;
        const pushed = await node.queues.push({ queue, ...message, ...(ttlMs > 0 && { ttlMs }) });
        const id = pushed.ok ? pushed.id : '';
        const [data = '', at] = await redis.hmget(this.#ours + id, 'data', 'timestamp');
        const expires = ttlMs > 0 ? `, expiresAt = ${Number(at) + ttlMs}` : '';
        const options = `{priority = ${101 - one.priority}, attempts = ${one.maxDeliveries}${expires}}`;
        expect(await this.#bullmq.add(data ?? '', options, Number(at))).toBe(id);
        return;
      }
      case 'pop': {
        const popped = await node.queues.pop({ queue, ack: one.ack, visibilityMs: 60_000 });
        if (!popped.ok || !('receipt' in popped)) {
          const [, id] = await this.#bullmq.take('0');
          if (popped.ok) expect(await this.#bullmq.finish(id, '0')).toBe(0);
          return;
        }
        const { id, receipt } = popped;
        const at = Number(await redis.hget(this.#ours + id, 'processedOn'));
        expect((await this.#bullmq.take(tokenOf(receipt), at))[1]).toBe(id);
        this.#taken.push({ id, receipt });
        return;
      }
      case 'ack': {
        const taken = this.#take(one.pick);
        if (!taken) return;
        expect((await node.queues.ack({ queue, receipt: taken.receipt })).ok).toBe(true);
        expect(await this.#bullmq.finish(taken.id, tokenOf(taken.receipt))).toBe(0);
        return;
      }
      case 'lapse': {
        const taken = this.#take(one.pick);
        if (!taken) return;
        await redis.zadd(`${this.#own}inflight`, 1000, taken.id);
        await node.admin.stats(queue);
        // BullMQ has no such thing.
        await redis.lrem(`${this.#its}active`, -1, taken.id);
        await redis.lpush(`${this.#its}wait`, taken.id);
        await redis.del(`${this.#its}${taken.id}:lock`);
        return;
      }
      case 'pause': {
        const [from, to] = one.paused ? ['wait', 'paused'] : ['paused', 'wait'];
        await (one.paused ? node.admin.pause(queue) : node.admin.resume(queue));
        const keys = [from, to, 'meta', 'prioritized', 'events', 'delayed', 'marker'] as string[];
        await this.#bullmq.call('pause', keys, `{ARGV[2], '1'}`, one.paused ? 'paused' : 'resumed');
      }
    }
  }

  /** Every key, but those by which we pull: they have no counterpart. */
  async compare(): Promise<void> {
    expect(await contentsOf(this.#ours)).toEqual(await contentsOf(this.#its));
  }

  #take(pick: number): { id: string; receipt: string } | undefined {
    return this.#taken.splice(pick % Math.max(this.#taken.length, 1), 1)[0];
  }
}

/** What is in Redis under a base: of each key its value, and whether it has a time to live. */
async function contentsOf(base: string): Promise<Record<string, unknown>> {
  const contents: Record<string, unknown> = {};
  for (const key of await redis.keys(`${base.replaceAll(/[*?[\]\\]/g, '\\$&')}*`)) {
    contents[key.slice(base.length)] = { value: await valueOf(key), goesByItself: (await redis.pttl(key)) > 0 };
  }
  return contents;
}

async function valueOf(key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'hash': {
      const { opts, ...fields } = await redis.hgetall(key);
      // The order of its options is not settled: BullMQ's own is that of a table in Lua.
      return { ...fields, ...(opts !== undefined && { opts: JSON.parse(opts) as unknown }) };
    }
    case 'zset':
      return await redis.zrange(key, '0', '-1', 'WITHSCORES');
    case 'list':
      return await redis.lrange(key, 0, -1);
    default:
      return await redis.get(key);
  }
}

function tokenOf(receipt: string): string {
  return receipt.slice(receipt.indexOf('-') + 1);
}

let run = 0;

it('leaves in Redis what BullMQ would', { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: 'max' }), async (steps) => {
    run += 1;
    const twins = new Twins(`same ${run}`);
    await twins.begin();
    for (const one of steps) {
      await twins.run(one);
      await twins.compare();
    }
  });
  await fc.assert(property, { numRuns: 30 });
});
