import { readFileSync } from 'node:fs';
import type { TestRedis } from '../cluster/index.js';

const ROUNDS = 20;

interface Work {
  readonly redis: TestRedis;
  /** Calls scripts at least once. */
  readonly run: (round: number) => Promise<unknown>;
}

export interface Costs<Name extends string> {
  /** µs for each call of a script: the least of all rounds. */
  readonly least: Readonly<Record<Name, number>>;
  /**
   * How many times as much calls of one cost as those of another: the median of the rounds, in each of which they follow one
   * upon the other. A machine is slow for some rounds and quick for some, so that the least of one may be of another time.
   */
  ratio(of: Name, to: Name): number;
}

/** What script calls cost in Redis: CPU time of its main thread, in rounds in which all works take turns. */
export async function costOfCalls<Name extends string>(works: Record<Name, Work>): Promise<Costs<Name>> {
  const names = Object.keys(works) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names) {
      const { redis, run } = works[name];
      const calls = await scriptCalls(redis);
      const since = cpuTimeOf(redis.pid);
      await run(round);
      const millis = cpuTimeOf(redis.pid) - since;
      samples[name].push((1000 * millis) / ((await scriptCalls(redis)) - calls));
    }
  }
  return {
    least: Object.fromEntries(names.map((name) => [name, Math.min(...samples[name])])) as Record<Name, number>,
    ratio: (of, to) => {
      const ratios = samples[of].map((each, round) => each / (samples[to][round] ?? NaN));
      return ratios.sort((a, b) => a - b)[ROUNDS / 2] ?? NaN;
    },
  };
}

/** CPU time of a process's main thread so far, ms: other programs on the machine do not count. */
export function cpuTimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

async function scriptCalls(redis: TestRedis): Promise<number> {
  const info = (await redis.command('info', 'commandstats')) as string;
  return [...info.matchAll(/^cmdstat_fcall:calls=(\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}
