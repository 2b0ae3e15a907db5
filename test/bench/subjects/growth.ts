import { startRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { startInProcess } from '../programs/program.js';

const CALLS = 5000;
const SMALLEST = 100;
const WITHIN = { atLeast: 0.9, atMost: 1.1 };
const MEMORY = ['memory of Redis per thing', 'memory of the node per thing'];
const IDLE = ['idle: CPU of Redis', 'idle: CPU of the node'];

const KINDS: Readonly<Record<string, readonly string[]>> = {
  'locks held': ['acquire', 'release'],
  'messages queued': ['push', 'pop'],
  'lines cached': ['write', 'read, hit'],
};

/** What calls cost, in CPU and memory, by how many things are there already: each number on a Redis of its own. */
export function growth(most: number, forMs: number): Subject[] {
  const sizes: number[] = [];
  for (let size = SMALLEST; size <= most; size *= 10) sizes.push(size);
  return Object.entries(KINDS).map(([kind, operations]) => {
    const cpu = operations.flatMap((operation) => [`${operation}: CPU of Redis`, `${operation}: CPU of the node`]);
    return {
      name: `Growth: ${kind}`,
      unit: {
        ...Object.fromEntries(cpu.map((measure) => [measure, 'µs'])),
        ...Object.fromEntries(IDLE.map((measure) => [measure, '% of a core'])),
        ...Object.fromEntries(MEMORY.map((measure) => [measure, 'bytes'])),
      },
      contenders: sizes.map((size) => contender(kind, size, size === most ? 'product' : 'control', forMs)),
      targets: [...cpu, ...MEMORY].map((measure) => ({ measure, against: nameOf(SMALLEST), ...WITHIN })),
      rounds: 2,
      layout: 'columns',
    };
  });
}

function nameOf(size: number): string {
  return size.toLocaleString('en').replaceAll(',', ' ');
}

function contender(kind: string, size: number, role: Contender['role'], forMs: number): Contender {
  return {
    name: nameOf(size),
    role,
    start: async () => {
      const redis = await startRedis();
      try {
        const args = [redis.pid, size, CALLS].map(String);
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
