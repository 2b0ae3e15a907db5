import { performance } from 'node:perf_hooks';
import type { Sample } from '../bench.js';

/** A contender in this process: runs for a time and says what it measured. */
export type Run = (forMs: number) => Promise<Sample>;
/** @param args what else it is told, each as its contender knows it */
export type StartRun = (redisUrl: string, args: readonly string[]) => Promise<Run> | Run;

/** How many calls are under way at once. */
const IN_FLIGHT = 32;

/**
 * Calls `one` over and over, {@link IN_FLIGHT} at a time.
 * @param one given a number that grows; answers whether it was right
 * @param last stop before this number; until the time is over unless given
 * @returns calls per second, and the number after the last one
 */
export async function perSecond(
  one: (number: number) => Promise<boolean>,
  forMs: number,
  last = Infinity,
): Promise<{ rate: number; made: number }> {
  const began = performance.now();
  let made = 0;
  const worker = async () => {
    while (made < last && performance.now() - began < forMs) {
      const number = made++;
      if (!(await one(number))) throw new Error(`call ${number} was answered wrong`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return { rate: made / ((performance.now() - began) / 1000), made };
}
