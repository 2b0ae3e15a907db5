import { performance } from 'node:perf_hooks';

/** How long a renewal keeps an epoch alive. */
export const LEASE_MS = 1500;
/** How often a process renews. */
export const RENEW_MS = 300;
/** Clock rates of two machines differ by at most this part. */
const DRIFT = 0.01;
const MARGIN_MS = 100;
/** After how long without a renewal an epoch can be ended by others: its own deadline has certainly passed by then. */
export const FENCE_AFTER_MS = LEASE_MS * (1 + 2 * DRIFT) + MARGIN_MS;

/** The two clocks that a deadline is held against: the wall clock also counts the time that a machine sleeps. */
export interface Clocks {
  monotonic(): number;
  wall(): number;
}

const systemClocks: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

interface Renewal {
  readonly number: number;
  readonly monotonic: number;
  readonly wall: number;
  answered: boolean;
  ticked: boolean;
}

/**
 * The lease of a process on one epoch. Its deadline counts from before a renewal was sent and moves only when the
 * renewal's answer and its tick on the process's own channel have both come, in either order. Once passed, it never
 * moves again: the process must take a new epoch.
 */
export class Lease {
  #number = 0;
  #acknowledged = 0;
  #underWay: Renewal[] = [];
  #deadline: { monotonic: number; wall: number } | undefined;
  #lapsed = false;

  constructor(private readonly clocks: Clocks = systemClocks) {}

  /** Call right before a renewal is sent. @returns its number */
  send(): number {
    this.#number += 1;
    const { clocks } = this;
    // Answers that never came need no memory for longer than a lease.
    this.#underWay = this.#underWay.filter((one) => clocks.monotonic() - one.monotonic < LEASE_MS);
    this.#underWay.push({
      number: this.#number,
      monotonic: clocks.monotonic(),
      wall: clocks.wall(),
      answered: false,
      ticked: false,
    });
    return this.#number;
  }

  answered(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number);
    this.#came(number, 'answered');
  }

  ticked(number: number): void {
    this.#came(number, 'ticked');
  }

  /** Number of the last renewal that Redis confirmed. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Whether what this process holds may be used now. Reads the clocks afresh: no timer runs while a process is paused. */
  stands(): boolean {
    return this.#deadline !== undefined && !this.lapsed();
  }

  /** Whether the deadline has passed; false while there has been none yet. */
  lapsed(): boolean {
    if (this.#deadline && !this.#lapsed) {
      this.#lapsed = this.clocks.monotonic() >= this.#deadline.monotonic || this.clocks.wall() >= this.#deadline.wall;
    }
    return this.#lapsed;
  }

  /** Whether renewals are answered but their ticks do not arrive: the channel is deaf. */
  get deaf(): boolean {
    return this.#underWay.some((renewal) => renewal.answered && !renewal.ticked && renewal.number < this.#number);
  }

  /** The channel was mended: ticks of renewals sent before will not come any more, and their absence says nothing. */
  channelMended(): void {
    this.#underWay = [];
  }

  #came(number: number, what: 'answered' | 'ticked'): void {
    const renewal = this.#underWay.find((one) => one.number === number);
    if (!renewal) return;
    renewal[what] = true;
    if (!renewal.answered || !renewal.ticked || this.lapsed()) return;
    this.#underWay = this.#underWay.filter((one) => one.number > number);
    this.#deadline = { monotonic: renewal.monotonic + LEASE_MS, wall: renewal.wall + LEASE_MS };
    // The answer itself may have come after the deadline that it brings.
    this.lapsed();
  }
}
