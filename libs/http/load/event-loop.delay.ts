import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

const SAMPLE_MS = 500;
/** How often the histogram looks, and wakes an idle process; an idle loop shows this much. */
const RESOLUTION_MS = 100;

/** How late this process gets to what is due, as the mean of half a second. */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #sampledAt = performance.now();
  #latestMs = 0;
  #previousMs = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#histogram.enable();
    this.#sampledAt = performance.now();
    this.#timer = setInterval(() => {
      this.#sample();
    }, SAMPLE_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  /** The mean of the last half second, in ms. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** Whether two samples in a row were above a bound: one pause, of the collector or the machine, is no overload. */
  lastsAbove(boundMs: number): boolean {
    return this.#latestMs > boundMs && this.#previousMs > boundMs;
  }

  #sample(): void {
    const now = performance.now();
    // Without a look in between, the loop stood still: then this timer's own delay is the sample.
    const delayMs =
      this.#histogram.count > 0 ? this.#histogram.mean / 1e6 - RESOLUTION_MS : now - this.#sampledAt - SAMPLE_MS;
    this.#histogram.reset();
    this.#sampledAt = now;
    this.#previousMs = this.#latestMs;
    this.#latestMs = Math.max(0, delayMs);
  }
}
