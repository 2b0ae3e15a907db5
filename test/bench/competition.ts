import { performance } from 'node:perf_hooks';
import { WrongAnswer } from './bench.js';

/** One who wants a lock again and again. */
export interface Competitor {
  /** Resolves when it has the lock. */
  acquire(): Promise<void>;
  release(): Promise<void>;
}

export interface Rules {
  /** Resolves when all others wait for the first one's lock: only then does it let go. */
  readonly ready: () => Promise<unknown>;
  /** How long each has it after that. */
  readonly hold: () => Promise<unknown>;
  readonly forMs: number;
}

/**
 * All want one lock; who had it wants it again at once, so that as many wait all the time. When the time is over each
 * takes it once more.
 * @returns ms from when a release was sent until the next one had the lock
 * @throws WrongAnswer where two have it
 */
export async function competition(competitors: readonly Competitor[], rules: Rules): Promise<number[]> {
  const delays: number[] = [];
  let until = Infinity;
  let hold = async (): Promise<unknown> => {
    await rules.ready();
    until = performance.now() + rules.forMs;
    hold = rules.hold;
    return undefined;
  };
  let holder: Competitor | undefined;
  let releasedAt: number | undefined;
  const compete = async (one: Competitor, granted: Promise<void>): Promise<void> => {
    for (;;) {
      await granted;
      if (holder) throw new WrongAnswer('two have the lock');
      holder = one;
      const over = performance.now() >= until;
      if (!over) {
        if (releasedAt !== undefined) delays.push(performance.now() - releasedAt);
        await hold();
      }
      holder = undefined;
      releasedAt = performance.now();
      await one.release();
      if (over) return;
      granted = one.acquire();
    }
  };
  const [first, ...others] = competitors;
  if (!first) return delays;
  await first.acquire();
  await Promise.all([compete(first, Promise.resolve()), ...others.map((one) => compete(one, one.acquire()))]);
  return delays;
}
