import { RedisUnavailable } from '#lib/redis';
import type { Change, Outcome, WriteResult } from './line.types.js';

/** Most writes of one list; what it holds together is bounded too, since it goes as one command. */
const LIST_WRITES = 64;
const LIST_CHARACTERS = 1024 * 1024;

interface Ended {
  readonly outcome: Outcome;
  /** Whether it had to wait for others to let go of the line. */
  readonly round: boolean;
}

export interface QueuedWrite {
  readonly id: string;
  readonly change: Change;
  readonly repeatable: boolean;
  readonly ended: Promise<Ended>;
}

interface Waiting extends QueuedWrite {
  readonly since: number;
  readonly resolve: (ended: Ended) => void;
  readonly reject: (error: unknown) => void;
}

const nothing = () => undefined;

/** The writes of this node to one line: a list that is under way, and those that wait for the next. */
export class WriteQueue {
  running = false;
  /** Called before a writer is told, with the result of a write that is under way. */
  onSettled: (id: string, result: WriteResult) => void = nothing;
  readonly #waiting: Waiting[] = [];
  #underWay: Waiting[] = [];
  #wake: () => void = nothing;

  constructor(
    private readonly maxWaiting: number,
    private readonly maxWaitMs: number,
  ) {}

  /**
   * @returns the write; the one that is already there where the id is known
   * @throws RedisUnavailable, without effect, where too many wait
   */
  add(id: string, change: Change, repeatable: boolean): QueuedWrite {
    const same = (one: Waiting) => one.id === id;
    const known = repeatable ? (this.#underWay.find(same) ?? this.#waiting.find(same)) : undefined;
    if (known) return known;
    if (this.#waiting.length >= this.maxWaiting)
      throw new RedisUnavailable('too many writes wait for this line', false);
    const { promise, resolve, reject } = Promise.withResolvers<Ended>();
    const write = { id, change, repeatable, since: performance.now(), ended: promise, resolve, reject };
    this.#waiting.push(write);
    return write;
  }

  /** Takes what goes as one list now; empty where nothing waits. Refuses what has waited for too long. */
  next(): readonly QueuedWrite[] {
    const latest = performance.now() - this.maxWaitMs;
    while (this.#waiting[0] && this.#waiting[0].since < latest) {
      this.#waiting.shift()?.reject(new RedisUnavailable('earlier writes to this line take too long', false));
    }
    let characters = 0;
    let count = 0;
    for (const { change } of this.#waiting) {
      characters += change.kind === 'write' ? change.json.length : 0;
      if (count === LIST_WRITES || (count > 0 && characters > LIST_CHARACTERS)) break;
      count += 1;
    }
    this.#underWay = this.#waiting.splice(0, count);
    // The map that it was in may keep it for a while, which must not keep the last writes too.
    if (count === 0) this.onSettled = nothing;
    return [...this.#underWay];
  }

  /** The first write under way that has no result yet. */
  get unsettled(): string | undefined {
    return this.#underWay[0]?.id;
  }

  /** A write under way has its result; others are not told anything by it. */
  settle(id: string, result: WriteResult, round: boolean): void {
    const write = this.#underWay.find((one) => one.id === id);
    if (!write) return;
    this.#underWay = this.#underWay.filter((one) => one !== write);
    this.onSettled(id, result);
    write.resolve({ outcome: result.outcome, round });
    if (this.#underWay.length === 0) this.#wake();
  }

  /** Whoever waits for the writes under way looks again. */
  wake(): void {
    this.#wake();
  }

  /** None of the writes under way will get a result. */
  fail(error: unknown): void {
    const failed = this.#underWay;
    this.#underWay = [];
    for (const { reject } of failed) reject(error);
  }

  /** Returns when every write under way has its result, after this many milliseconds, or by {@link wake}. */
  async settledWithin(timeoutMs: number): Promise<void> {
    if (this.#underWay.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = nothing;
  }
}
