import { readFileSync } from 'node:fs';
import type { TestRedis } from '../cluster/index.js';

/** Some are of ten milliseconds only, and a machine may be slow for longer than a few of those. */
const ROUNDS = 20;

interface Work {
  readonly redis: TestRedis;
  /** Calls scripts at least once. */
  readonly run: (round: number) => Promise<unknown>;
}

/**
 * What script calls cost in Redis: CPU time of its main thread. Of each work the least of some rounds, in which all take
 * turns, since a busy machine slows whatever runs on it.
 * @returns microseconds for each call of a script
 */
export async function costOfCalls<Name extends string>(works: Record<Name, Work>): Promise<Record<Name, number>> {
  const least = {} as Record<Name, number>;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of Object.keys(works) as Name[]) {
      const { redis, run } = works[name];
      const calls = await scriptCalls(redis);
      const since = cpuTimeOf(redis.pid);
      await run(round);
      const millis = cpuTimeOf(redis.pid) - since;
      const each = (1000 * millis) / ((await scriptCalls(redis)) - calls);
      least[name] = Math.min(round === 0 ? Infinity : least[name], each);
    }
  }
  return least;
}

/** CPU time of a process's main thread so far, ms: other programs on the machine do not count. */
export function cpuTimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

async function scriptCalls(redis: TestRedis): Promise<number> {
  const info = (await redis.command('info', 'commandstats')) as string;
  return [...info.matchAll(/^cmdstat_fcall:calls=(\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}
