import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import type { Sample } from '../bench.js';
import { cpuSeconds } from '../process.usage.js';
import { perSecond, type StartRun } from './measures.js';
import { startServices } from './services.js';

const LEASE_MS = 86_400_000;
const PUSHED_AT_ONCE = 250;
const BYTES_AT_ONCE = 1_000_000;
const SMALL_BYTES = 10;

type Services = Awaited<ReturnType<typeof startServices>>;

/** Things that are there in some number, and what is done meanwhile. */
interface Things {
  /** Makes so many of them. */
  fill(size: number): Promise<void>;
  /** In this order, each as often: what one makes another takes away. Given how many things there are. */
  readonly operations: Readonly<Record<string, (number: number, size: number) => Promise<boolean>>>;
}

/**
 * @param set what all their names begin with
 * @param bytes of the text in each value, where there are values
 */
type Kind = (services: Services, set: string, bytes: number) => Things;

const valueOf = (number: number, bytes: number) => ({ number, text: 'x'.repeat(bytes) });
const hasBytes = (value: unknown, bytes: number) => (value as { text?: string } | null)?.text?.length === bytes;

const kinds: Readonly<Record<string, Kind>> = {
  'locks held': ({ locks }, set) => {
    const owner = 'bench';
    const tokens: number[] = [];
    const acquire = async (name: string) => await locks.acquire({ name, owner, mode: 'exclusive', leaseMs: LEASE_MS });
    return {
      fill: async (size) => {
        await perSecond(async (number) => (await acquire(`${set} held ${number}`)).ok, Infinity, size);
      },
      operations: {
        acquire: async (number) => {
          const granted = await acquire(`${set} more ${number}`);
          if (granted.ok) tokens[number] = granted.token;
          return granted.ok;
        },
        release: async (number) =>
          (await locks.release({ name: `${set} more ${number}`, owner, token: tokens[number] ?? 0 })).ok,
      },
    };
  },
  'messages queued': ({ queues }, queue, bytes) => {
    return {
      fill: async (size) => {
        const atOnce = Math.min(PUSHED_AT_ONCE, Math.ceil(BYTES_AT_ONCE / bytes));
        for (let first = 0; first < size; first += atOnce) {
          const length = Math.min(atOnce, size - first);
          const messages = Array.from({ length }, (_, index) => ({ payload: valueOf(first + index, bytes) }));
          if (!(await queues.pushMany({ queue, messages })).ok) throw new Error('the queue was not filled');
        }
      },
      operations: {
        push: async (number) => (await queues.push({ queue, payload: valueOf(number, bytes) })).ok,
        pop: async () => {
          const popped = await queues.pop({ queue });
          return popped.ok && 'item' in popped && hasBytes(popped.item, bytes);
        },
      },
    };
  },
  'lines cached': ({ cache }, set, bytes) => {
    // One far from the other, so that what is near in memory does not help.
    const some = (number: number, size: number) => `${set} line ${(number * 7919) % size}`;
    const write = async (name: string, number: number) => (await cache.write(name, valueOf(number, bytes))).ok;
    return {
      fill: async (size) => {
        await perSecond((number) => write(`${set} line ${number}`, number), Infinity, size);
      },
      operations: {
        write: (number, size) => write(some(number, size), number),
        // One is too quick to be measured.
        '100 reads that hit': async (number, size) => {
          // Hits wait for nothing: without a turn of the event loop now and then, the node could not renew its lease.
          await turn();
          let hits = 0;
          for (let i = 0; i < 100; i += 1) {
            const reading = await cache.read(some(100 * number + i, size));
            if (reading?.hit === true && hasBytes(reading.value, bytes)) hits += 1;
          }
          return hits === 100;
        },
      },
    };
  },
};

/**
 * @param calls of each operation: what one makes, the next takes away
 * @returns what each call of an operation cost
 */
async function costs(things: Things, redisPid: number, size: number, calls: number): Promise<Sample> {
  const sample: Record<string, number> = {};
  for (const [operation, one] of Object.entries(things.operations)) {
    const before = [cpuSeconds(redisPid), cpuSeconds(process.pid)] as const;
    await perSecond((number) => one(number, size), Infinity, calls);
    sample[`${operation}: CPU of Redis`] = ((cpuSeconds(redisPid) - before[0]) * 1e6) / calls;
    sample[`${operation}: CPU of the node`] = ((cpuSeconds(process.pid) - before[1]) * 1e6) / calls;
  }
  return sample;
}

/** Bytes that the data of Redis takes and, after a garbage collection, what this process keeps. */
async function bytes(redis: Redis): Promise<readonly [redis: number, node: number]> {
  collectGarbage();
  const memory = await redis.info('memory');
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1]);
  const { heapUsed, external } = process.memoryUsage();
  return [field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer'), heapUsed + external];
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * What operations cost while so many things are there.
 * @returns a run on a Redis of its own; it is told that one's process id, how many things, how often to do each
 *   operation in a round, how many bytes a value has, and how often to do each before, so that what runs often is compiled
 */
function growing(kind: Kind): StartRun {
  return async (url, args) => {
    const [redisPid = 0, size = 0, calls = 0, bytesOfValue = 0, warmCalls = 0] = args.map(Number);
    const services = await startServices(url, {
      // Room for them is made at the start, whatever comes.
      CACHE_MAX_LINES: '2000000',
      CACHE_MAX_BYTES: '1000000000',
      QUEUE_MAX_LENGTH: '1000000000',
    });
    const redis = new Redis(url);
    // What is made once, at the first calls, is not for the first things to pay.
    const others = kind(services, 'others', SMALL_BYTES);
    await others.fill(100);
    await costs(others, redisPid, 100, calls);
    const before = await bytes(redis);
    const things = kind(services, 'things', bytesOfValue);
    await things.fill(size);
    const after = await bytes(redis);
    const held = {
      'memory of Redis per thing': (after[0] - before[0]) / size,
      'memory of the node per thing': (after[1] - before[1]) / size,
    };
    let idle: Sample | undefined;
    return async (forMs) => {
      if (!idle) {
        // In the round that is not counted: the collection threw compiled code away, and who waits for the others to be
        // made is cold again.
        await costs(others, redisPid, 100, warmCalls);
        const [redisBefore, nodeBefore] = [cpuSeconds(redisPid), cpuSeconds(process.pid)];
        await pause(forMs);
        idle = {
          'idle: CPU of Redis': ((cpuSeconds(redisPid) - redisBefore) * 1e5) / forMs,
          'idle: CPU of the node': ((cpuSeconds(process.pid) - nodeBefore) * 1e5) / forMs,
        };
      }
      return { ...(await costs(things, redisPid, size, calls)), ...idle, ...held };
    };
  };
}

export const growth = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, growing(kind)]));
