import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';

const nothing = {
  locksAcquired: 0,
  locksReleased: 0,
  queuePushes: 0,
  queuePops: 0,
  cacheHits: 0,
  cacheMisses: 0,
  cacheWrites: 0,
  cacheInvalidations: 0,
};

/** Counts what the services do, and says so in one line of the log from time to time, when something changed. */
@Injectable()
export class ActivityLog implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger('Activity');
  readonly #counts = { ...nothing };
  readonly #followed = new Map<keyof typeof nothing, () => number>();
  #changed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  onModuleInit(): void {
    this.#timer = setInterval(() => {
      this.#tell();
    }, this.settings.ACTIVITY_LOG_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  count(what: keyof typeof nothing, by = 1): void {
    this.#counts[what] += by;
    this.#changed ||= by > 0;
  }

  /** Takes the count from elsewhere when it is told. */
  follow(what: keyof typeof nothing, total: () => number): void {
    this.#followed.set(what, total);
  }

  #tell(): void {
    for (const [what, total] of this.#followed) this.count(what, total() - this.#counts[what]);
    if (!this.#changed) return;
    this.#changed = false;
    this.#logger.log({ ...this.#counts, msg: 'activity since start' });
  }
}
