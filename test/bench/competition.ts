import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
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
  /** So many hand-offs, also where that takes longer. */
  readonly atLeast: number;
}

/**
 * All want one lock; who had it wants it again when another one has it, so that as many wait at each release, and none
 * is quicker than those who wait. When the time is over each takes it once more.
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
  let granted = Promise.withResolvers<undefined>();
  const compete = async (one: Competitor, has: Promise<void>): Promise<void> => {
    for (;;) {
      await has;
      if (holder) throw new WrongAnswer('two have the lock');
      holder = one;
      granted.resolve(undefined);
      const next = (granted = Promise.withResolvers());
      const over = performance.now() >= until && delays.length >= rules.atLeast;
      if (!over) {
        if (releasedAt !== undefined) delays.push(performance.now() - releasedAt);
        await hold();
      }
      holder = undefined;
      releasedAt = performance.now();
      await one.release();
      if (over) return;
      await next.promise;
      has = one.acquire();
    }
  };
  const [first, ...others] = competitors;
  if (!first) return delays;
  await first.acquire();
  const competing = [compete(first, Promise.resolve())];
  for (const [number, one] of others.entries()) {
    competing.push(compete(one, one.acquire()));
    // They come one after the other: that a thousand come at once is not what is measured.
    if (number % 10 === 9) await pause(1);
  }
  await Promise.all(competing);
  return delays;
}
