import { expect } from 'vitest';
import type { LockDump } from '../scripted.lock.js';
import { MOST_WATCH_MS, OWNERS } from './lock.actions.js';
import type { LockModel } from './lock.model.js';
import { latestOf } from './lock.reading.js';

/** Keys and entries outlive what they are for by 5 s; the test itself takes some of it. */
const KEPT_MS = 4000;
const KEEP_MS = 5000;

/** What a lock leaves in Redis for how long: its keys, and its entries in the indices. */
export class LockTraces {
  /** The latest end of a wait since nobody waited. */
  #waits = 0;
  /** When the entry of the lock is over, and the offset of the lock's clock when it was written. */
  #entry: { over: number; offset: number } | undefined;

  constructor(private readonly model: LockModel) {}

  /** Redis lost the lock. */
  lose(): void {
    this.#waits = 0;
  }

  /** After what may have written the entry without a call of the lock: by the offset that its record had then. */
  note({ entry, offset }: LockDump): void {
    if (entry === undefined) return;
    const { over, offset: least } = this.#entry ?? { over: 0, offset: 0 };
    // It may have been written again, by another offset and yet to the same time.
    this.#entry = { over: entry, offset: over === entry ? Math.min(least, offset) : offset };
  }

  /** @param wait of a place that may be dropped at once, ms */
  compare(dump: LockDump, wait: number): void {
    const { model } = this;
    this.#waits = model.waiting ? Math.max(this.#waits, model.now + wait, ...model.waits()) : 0;
    this.#lives(dump);
    this.#entries(dump);
  }

  /** When what the owner has is over by itself, in lock time. */
  endOf(owner: string): number {
    const hold = this.model.holds.get(owner);
    const place = this.model.places.get(owner);
    const queued = place?.state === 'queued' ? [...place.instances.values()].map(({ till }) => till) : [];
    return Math.max(hold?.deadline ?? 0, hold?.was?.deadline ?? 0, ...queued);
  }

  /** No key dies before what it is for, and none lives for ever. */
  #lives(dump: LockDump): void {
    const watched = Math.max(0, ...this.model.watchers.values());
    const used = latestOf(dump);
    for (const [key, ttl] of dump.lives) {
      const till = key === 'lock' ? Math.max(used, watched) : key === 'watchers' ? watched : used;
      expect(ttl, `life of the key of its ${key}`).toBeGreaterThanOrEqual(till - dump.now);
      const most = key === 'watchers' ? MOST_WATCH_MS : Math.max(this.#latest(dump) - dump.now, 0);
      expect(ttl, `life of the key of its ${key}`).toBeLessThanOrEqual(most + KEEP_MS);
    }
  }

  /** Latest lock time for which anything of the lock is kept: a wait counts until nobody waits any more. */
  #latest(dump: LockDump): number {
    return Math.max(latestOf(dump), this.#waits, ...this.model.watchers.values());
  }

  /** The indices have the lock, and each owner, for as long as there is something of theirs. */
  #entries(dump: LockDump): void {
    const { now, offset, entry, entries } = dump;
    const { holds, places } = this.model;
    let latest: number | undefined;
    for (const owner of OWNERS) {
      const [hold, place] = [holds.get(owner), places.get(owner)];
      const over = entries.get(owner);
      if (!hold && !place) {
        expect(over, `entry of ${owner}, who has nothing`).toBeUndefined();
        continue;
      }
      const end = this.endOf(owner);
      latest = Math.max(latest ?? 0, end, now);
      // Whoever waits for longer than he said is not looked for.
      if (end >= now) expect((over ?? 0) + offset, `entry of ${owner}`).toBeGreaterThanOrEqual(end + KEPT_MS);
    }
    if (latest === undefined) expect(entry, 'entry of a lock that is free').toBeUndefined();
    else {
      expect((entry ?? 0) + offset, 'entry of the lock').toBeGreaterThanOrEqual(latest + KEPT_MS);
      // A clock that is set back later makes it last for longer, until it is written again.
      this.note(dump);
      const written = this.#entry ?? { over: 0, offset: 0 };
      expect(written.over + written.offset, 'entry of the lock').toBeLessThanOrEqual(
        Math.max(this.#latest(dump), now) + KEEP_MS,
      );
    }
  }
}
