import { startRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { startInProcess } from '../programs/program.js';

const SMALLEST = 100;
const WITHIN = { atLeast: 0.9, atMost: 1.1 };
const REDIS_MEMORY = 'memory of Redis per thing';
const NODE_MEMORY = 'memory of the node per thing';
const IDLE = ['idle: CPU of Redis', 'idle: CPU of the node'];

const NOTE =
  'What each call costs in CPU while so many things are there, each number in a process and a Redis of its own. Memory is ' +
  'what Redis says of its data, and what the process keeps after a garbage collection: of few things, less than what else ' +
  'comes and goes there, so that the figure says something from 1 000 on for Redis, from 10 000 on for the node.';

const HITS = '100 reads that hit';

const KINDS: Readonly<Record<string, readonly string[]>> = {
  'locks held': ['acquire', 'release'],
  'messages queued': ['push', 'pop'],
  'lines cached': ['write', HITS],
};

/** What calls cost, in CPU and memory, by how many things are there already: each number on a Redis of its own. */
export function growth(most: number, calls: number, forMs: number): Subject[] {
  const sizes: number[] = [];
  for (let size = SMALLEST; size <= most; size *= 10) sizes.push(size);
  return Object.entries(KINDS).map(([kind, operations]) => {
    const cpu = operations.flatMap((operation) => [`${operation}: CPU of Redis`, `${operation}: CPU of the node`]);
    return {
      name: `Growth: ${kind}`,
      unit: {
        ...Object.fromEntries(cpu.map((measure) => [measure, 'µs'])),
        ...Object.fromEntries(IDLE.map((measure) => [measure, '% of a core'])),
        [REDIS_MEMORY]: 'bytes',
        [NODE_MEMORY]: 'bytes',
      },
      contenders: sizes.map((size) => contender(kind, size, size === most ? 'product' : 'control', calls, forMs)),
      targets: [
        // A hit asks nothing of Redis.
        ...cpu.filter((measure) => measure !== `${HITS}: CPU of Redis`).map(flatSince(SMALLEST)),
        // A hundred take less than what else comes and goes in Redis.
        flatSince(10 * SMALLEST)(REDIS_MEMORY),
      ],
      rounds: 3,
      note: NOTE,
      layout: 'columns',
    };
  });
}

const flatSince = (size: number) => (measure: string) => ({ measure, against: nameOf(size), ...WITHIN });

function nameOf(size: number): string {
  return size.toLocaleString('en').replaceAll(',', ' ');
}

function contender(kind: string, size: number, role: Contender['role'], calls: number, forMs: number): Contender {
  return {
    name: nameOf(size),
    role,
    start: async () => {
      const redis = await startRedis();
      try {
        const args = [redis.pid, size, calls].map(String);
        const session = await startInProcess(kind, redis.url, forMs, args);
        return {
          round: () => session.round(),
          stop: async () => {
            await session.stop();
            await redis.stop();
          },
        };
      } catch (error) {
        await redis.stop();
        throw error;
      }
    },
  };
}
