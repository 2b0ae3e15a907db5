import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { TestRedis } from '../../cluster/index.js';
import { WrongAnswer, type Contender } from '../bench.js';
import { latencies } from '../statistics.js';

/** Between two measurements of a latency, so that each meets a system at rest: as long for all contenders. */
export const REST_MS = 2;

export const PING = 'Redis round trip (PING)';
export const SCRIPT = 'Redis round trip (EVALSHA that writes)';

/**
 * Round trips over TCP from this process, one at a time, to measure others by.
 * @param of what the others measure: each gets round trips of its own
 */
export function redisRoundTrips(redis: TestRedis, of: readonly string[], forMs: number): Contender[] {
  const contender = (name: string, trip: (client: Redis) => Promise<boolean>): Contender => ({
    name,
    role: 'control',
    start: () => {
      const client = new Redis(redis.url);
      return Promise.resolve({
        round: async () => {
          const sample: Record<string, number> = {};
          for (const what of of) {
            const delays: number[] = [];
            for (const began = performance.now(); performance.now() - began < forMs;) {
              await pause(REST_MS);
              const sent = performance.now();
              if (!(await trip(client))) throw new WrongAnswer(name);
              delays.push(performance.now() - sent);
            }
            Object.assign(sample, latencies(delays, what));
          }
          return sample;
        },
        stop: () => {
          client.disconnect();
          return Promise.resolve();
        },
      });
    },
  });
  let hash = '';
  return [
    contender(PING, async (client) => (await client.call('PING')) === 'PONG'),
    contender(SCRIPT, async (client) => {
      // Redis forgets no script while it runs; FLUSHALL does not touch them.
      hash ||= (await client.script('LOAD', "return redis.call('INCR', KEYS[1])")) as string;
      return Number(await client.evalsha(hash, 1, 'round trips')) > 0;
    }),
  ];
}
