import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { BUCKETS } from './queue.keys.js';
import { scripts } from './queue.scripts.js';
import { QueueStore } from './queue.store.js';

/** So often a node looks for deliveries that have run out, or sooner where it knows of one. */
const SWEEP_MS = 400;
/** Where none is out, at every third pulse of the membership: one that is made meanwhile is still given back within a second. */
const IDLE_PULSES = 3;
/** Most queues of one bucket that are swept in one go. */
const MAX_QUEUES = 50;

/**
 * Gives back what was not acknowledged in time, on queues that nobody calls. Any node does it for any queue, looking
 * only at those with deliveries out.
 */
@Injectable()
export class QueueSweeper implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger('Queue');
  #timer: NodeJS.Timeout | undefined;
  /** Until the next look; 0: the timer says when. */
  #pulses = 0;
  #stopped = false;

  constructor(
    private readonly store: QueueStore,
    private readonly membership: Membership,
  ) {}

  onModuleInit(): void {
    this.membership.events.on('pulse', () => {
      if (this.#pulses === 0) return;
      this.#pulses -= 1;
      if (this.#pulses === 0 && !this.#stopped) void this.#sweep();
    });
    this.#later(SWEEP_MS);
  }

  onModuleDestroy(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #later(ms: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#sweep(), ms);
  }

  async #sweep(): Promise<void> {
    let next: number | undefined = SWEEP_MS;
    try {
      if (this.membership.usable) {
        const [nextInMs, names] = await this.store.runOnList(scripts.due, this.store.keys.dueOfAll(), [
          BUCKETS,
          MAX_QUEUES,
        ]);
        await Promise.all(names.map(async (name) => await this.store.run(scripts.sweep, name)));
        if (names.length > 0) next = 0;
        else next = nextInMs < 0 ? undefined : Math.min(SWEEP_MS, nextInMs);
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) this.#logger.error(error);
    }
    if (next === undefined) this.#pulses = IDLE_PULSES;
    else this.#later(next);
  }
}
