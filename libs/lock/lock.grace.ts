import { performance } from 'node:perf_hooks';

/** So long it takes until every process that lives has shared with the others what it knows. */
const SHARING_MS = 1000;

/**
 * How long holds may still be in force that Redis has lost. Each process remembers the latest deadline that it granted or
 * renewed and shares it with its lease, all by the clock of the Redis that they were granted on (README.md "Data loss").
 */
export class LockGrace {
  /** Redis's clock minus the monotonic one; the least ever seen, so that what remains is never taken for shorter. */
  #ahead: number | undefined;
  /** The most ever seen: with the least, an answer that was late once would let every deadline be told too early. */
  #most: number | undefined;
  #holds = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param maxMs beyond this only tokens protect
   * @param shared the latest deadline that any process has shared, by Redis's clock, ms
   * @param share tells it to the others
   * @param onOver called when the hold has ended
   */
  constructor(
    private readonly maxMs: number,
    private readonly shared: () => number,
    private readonly share: (deadline: number) => void,
    private readonly onOver: () => void,
  ) {}

  /** Whether locks are held back: until a timer has said that it is over, not by the clock, which may run ahead of timers. */
  get holds(): boolean {
    return this.#holds;
  }

  /** Redis's time in an answer that has just come, ms. */
  seen(time: number): void {
    const ahead = time - performance.now();
    this.#ahead = Math.min(this.#ahead ?? ahead, ahead);
    this.#most = Math.max(this.#most ?? ahead, ahead);
  }

  /** A hold was granted or renewed for so many ms, in an answer whose time was {@link seen}. */
  granted(leaseMs: number): void {
    if (this.#most !== undefined) this.share(Math.ceil(performance.now() + this.#most + leaseMs));
  }

  /**
   * Another Redis answers.
   * @param lost false where no hold can have been lost
   * @param first whether this process has met none before: it knows nothing about the holds of others
   */
  begin(lost: boolean, first: boolean): void {
    if (!lost) return;
    const before = this.#ahead;
    // The clock of the new one is another.
    this.#ahead = undefined;
    this.#most = undefined;
    const since = performance.now();
    const end = since + Math.max(this.maxMs, SHARING_MS);
    this.#holds = true;
    if (first || before === undefined) {
      this.#at(end, this.#over);
      return;
    }
    const waitForLast = () => {
      const last = Math.min(this.shared() - before, end);
      if (performance.now() < last) this.#at(last, waitForLast);
      else this.#over();
    };
    this.#at(since + SHARING_MS, waitForLast);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  readonly #over = () => {
    this.#holds = false;
    this.onOver();
  };

  /** @param time monotonic, ms */
  #at(time: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, Math.max(0, Math.ceil(time - performance.now())));
  }
}
