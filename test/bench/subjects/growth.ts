import { startRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { startInProcess } from '../programs/program.js';

/** Where only their number counts. */
const SMALL_BYTES = 10;
const THINGS_OF_VALUES = 1000;
const WITHIN = { atLeast: 0.9, atMost: 1.1 };
const REDIS_MEMORY = 'memory of Redis per thing';
const NODE_MEMORY = 'memory of the node per thing';
/** Calls made before what is measured, at least, in multiples of that. */
const WARM_TIMES = 5;
/** What few calls cost differs from one time to the next by more than the number of things could make. */
const ROUNDS = 15;
/** Calls after which V8 has compiled what there is to compile. */
const WARM_CALLS = 100_000;
const IDLE = ['idle: CPU of Redis', 'idle: CPU of the node'];

const NOTE =
  'What each call costs in CPU while so many things are there, each number in a process and a Redis of its own. Memory is ' +
  'what Redis says of its data, and what the process keeps after a garbage collection: of few things, less than what else ' +
  'comes and goes there, so that the figure says something from 1 000 on for Redis, from 10 000 on for the node.';

const VALUE_NOTE =
  `What each call costs in CPU by the size of its value, a text in JSON, while ${THINGS_OF_VALUES.toLocaleString('en')} such things are there, ` +
  'each size in a process and a Redis of its own. Not flat, since each byte is put into JSON, sent, kept and written to ' +
  "Redis's file, and on a pop all that again the other way.";

const HITS = '100 reads that hit';

const KINDS = {
  'locks held': ['acquire', 'release'],
  'messages queued': ['push', 'pop'],
  'lines cached': ['write', HITS],
} as const;
type Kind = keyof typeof KINDS;

const cpuOf = (kind: Kind) =>
  KINDS[kind].flatMap((operation) => [`${operation}: CPU of Redis`, `${operation}: CPU of the node`]);

const unitsOf = (kind: Kind) => ({
  ...Object.fromEntries(cpuOf(kind).map((measure) => [measure, 'µs'])),
  ...Object.fromEntries(IDLE.map((measure) => [measure, '% of a core'])),
  [REDIS_MEMORY]: 'bytes',
  [NODE_MEMORY]: 'bytes',
});

/**
 * What calls cost, in CPU and memory, by how many things are there already: each number on a Redis of its own.
 * @param sizes how many, from few to many
 */
export function growth(sizes: readonly number[], calls: number, forMs: number): Subject[] {
  const [few = 0] = sizes;
  // As often for all: making the most things compiles more than making few does.
  const warmCalls = Math.max(WARM_TIMES * calls, Math.min(sizes.at(-1) ?? 0, WARM_CALLS));
  return (Object.keys(KINDS) as Kind[]).map((kind) => ({
    name: `Growth: ${kind}`,
    unit: unitsOf(kind),
    contenders: sizes.map((size) =>
      contender(
        kind,
        inDigits(size),
        size === sizes.at(-1) ? 'product' : 'control',
        [size, calls, SMALL_BYTES, warmCalls],
        forMs,
      ),
    ),
    targets: [
      // A hit asks nothing of Redis.
      ...cpuOf(kind)
        .filter((measure) => measure !== `${HITS}: CPU of Redis`)
        .map(flatSince(few)),
      // A hundred take less than what else comes and goes in Redis.
      ...(sizes[1] === undefined ? [] : [flatSince(sizes[1])(REDIS_MEMORY)]),
    ],
    rounds: ROUNDS,
    note: NOTE,
    layout: 'columns',
  }));
}

/**
 * What calls cost, in CPU and memory, by how large the values are: each size on a Redis of its own.
 * @param sizes in bytes, from small to large
 */
export function valueSizes(sizes: readonly number[], calls: number, forMs: number): Subject[] {
  return (['messages queued', 'lines cached'] as const).map((kind) => ({
    name: `Value size: ${kind}`,
    unit: unitsOf(kind),
    contenders: sizes.map((bytes) => {
      const role = bytes === sizes.at(-1) ? 'product' : 'control';
      const order = [THINGS_OF_VALUES, calls, bytes, WARM_TIMES * calls];
      return contender(kind, `${inDigits(bytes)} bytes`, role, order, forMs);
    }),
    targets: [],
    rounds: ROUNDS,
    note: VALUE_NOTE,
    layout: 'columns',
  }));
}

const flatSince = (size: number) => (measure: string) => ({ measure, against: inDigits(size), ...WITHIN });

function inDigits(size: number): string {
  return size.toLocaleString('en').replaceAll(',', ' ');
}

/**
 * @param order what the program is told beside its Redis's process: how many things, how many calls, bytes of a value,
 *   calls before
 */
function contender(
  kind: Kind,
  name: string,
  role: Contender['role'],
  order: readonly number[],
  forMs: number,
): Contender {
  return {
    name,
    role,
    start: async () => {
      const redis = await startRedis();
      try {
        const args = [redis.pid, ...order].map(String);
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
