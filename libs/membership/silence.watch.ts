import { FENCE_AFTER_MS } from './lease.js';

/**
 * Finds the epochs whose processes fell silent: renewals unchanged for longer than their lease can stand, counted from
 * the arrival of the first answer that showed them.
 */
export class SilenceWatch {
  readonly #seen = new Map<number, { renewals: number; since: number }>();

  /**
   * @param living epochs and their numbers of renewals, as an answer showed them
   * @param arrivedAt when that answer arrived, ms on the monotonic clock
   * @returns what to FENCE
   */
  observe(living: { epoch: number; renewals: number }[], arrivedAt: number): { epoch: number; renewals: number }[] {
    const epochs = new Set(living.map(({ epoch }) => epoch));
    for (const epoch of this.#seen.keys()) if (!epochs.has(epoch)) this.#seen.delete(epoch);
    return living.filter(({ epoch, renewals }) => {
      const before = this.#seen.get(epoch);
      if (before?.renewals === renewals) return arrivedAt - before.since >= FENCE_AFTER_MS;
      this.#seen.set(epoch, { renewals, since: arrivedAt });
      return false;
    });
  }

  /** Nothing seen on one Redis server says anything about another. */
  forget(): void {
    this.#seen.clear();
  }
}
