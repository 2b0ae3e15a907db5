import { setTimeout as pause } from 'node:timers/promises';
import type { Exit } from '#lib/process';
import type { Say } from './cluster.output.js';

/** A process that has run for less than this ended "at once". */
const STEADY_MS = 5000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;

/** A process as far as keeping it alive is concerned. */
export interface Running {
  readonly exited: Promise<Exit>;
  stop(): Promise<unknown>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * @param quickEnds how many times in a row the process ended at once
 * @returns how many milliseconds to wait before it is started again: none after a single end, then ever longer
 */
export function restartDelay(quickEnds: number): number {
  return quickEnds === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (quickEnds - 1), LONGEST_DELAY_MS);
}

/** A process that is started again however it ended, until it is told to stop. */
export class KeptProcess {
  readonly #stopping = new AbortController();
  #current: Running | undefined;
  #kept: Promise<void> | undefined;

  /**
   * @param name for the messages
   * @param run starts the process once
   */
  constructor(
    private readonly name: string,
    private readonly run: () => Promise<Running>,
    private readonly say: Say,
  ) {}

  /** @throws what `run` throws at the first start; later failures are said and tried again */
  async start(): Promise<void> {
    this.#current = await this.run();
    this.#kept = this.#keep(this.#current);
  }

  /** Ends the process in order and for good. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current?.stop();
    await this.#kept;
  }

  /** Ends the process at once and for good. */
  kill(): void {
    this.#stopping.abort();
    this.#current?.kill('SIGKILL');
  }

  /** A method, since it changes while something else is waited for. */
  #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #keep(first: Running): Promise<void> {
    let current: Running | undefined = first;
    let startedAt = performance.now();
    let quickEnds = 0;
    let failure = '';
    while (!this.#stopped()) {
      if (current) {
        const end = describe(await current.exited);
        if (this.#stopped()) return;
        quickEnds = performance.now() - startedAt < STEADY_MS ? quickEnds + 1 : 0;
        this.say(`${this.name} ended (${end}); it is started again${inWords(restartDelay(quickEnds))}`);
      }
      await pause(restartDelay(quickEnds), undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopped()) return;
      startedAt = performance.now();
      try {
        current = await this.run();
        this.#current = current;
        failure = '';
      } catch (error) {
        current = undefined;
        quickEnds += 1;
        const { message } = error as Error;
        // The same long reason every few seconds would bury the rest of the log.
        const reason = message === failure ? 'for the same reason' : message;
        failure = message;
        this.say(`${this.name} did not start, next try${inWords(restartDelay(quickEnds))}: ${reason}`);
      }
    }
    // Told to stop while it was being started.
    await current?.stop();
  }
}

function describe({ code, signal }: Exit): string {
  return signal === null ? `code ${code}` : `killed by ${signal}`;
}

function inWords(delayMs: number): string {
  return delayMs === 0 ? '' : ` in ${delayMs / 1000} s`;
}
