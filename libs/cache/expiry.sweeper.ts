import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { BUCKETS } from './cache.keys.js';
import { CacheWriter } from './cache.writer.js';
import { Directory } from './directory.client.js';
import { ServerHold } from './server.hold.js';

/** Buckets of one turn, so that every node has looked at all of them after four turns. */
const BUCKETS_A_TURN = 16;
/** Of each bucket, in one answer. */
const NAMES = 100;
/** A value that is read anyway needs no sweeper. */
const OVER_MS = 1000;

/**
 * Ends values that nobody reads any more, or Redis would keep them for ever: by the same agreement as everybody else,
 * since copies may be left. One look a turn, whatever the number of lines.
 */
@Injectable()
export class ExpirySweeper implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger('Cache');
  #bucket = Math.floor((Math.random() * BUCKETS) / BUCKETS_A_TURN) * BUCKETS_A_TURN;
  #sweptAt = performance.now();
  #stopped = false;
  #sweeping = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly membership: Membership,
    private readonly directory: Directory,
    private readonly writer: CacheWriter,
    private readonly hold: ServerHold,
  ) {}

  onModuleInit(): void {
    this.membership.events.on('pulse', () => {
      if (!this.#stopped && performance.now() - this.#sweptAt >= this.settings.CACHE_SWEEP_MS) void this.#turn();
    });
  }

  onModuleDestroy(): void {
    this.#stopped = true;
  }

  async #turn(): Promise<void> {
    if (this.#sweeping || this.hold.active || !this.membership.usable) return;
    this.#sweeping = true;
    this.#sweptAt = performance.now();
    try {
      const first = this.#bucket;
      this.#bucket = (first + BUCKETS_A_TURN) % BUCKETS;
      await this.#sweep(first, first + BUCKETS_A_TURN - 1);
    } catch (error) {
      // What stays is found at the next turn.
      if (!(error instanceof RedisUnavailable)) this.#logger.error(error);
    } finally {
      this.#sweeping = false;
    }
  }

  async #sweep(firstBucket: number, lastBucket: number): Promise<void> {
    let names: string[];
    do {
      names = await this.directory.due(firstBucket, lastBucket, OVER_MS, NAMES);
      // The version is for the record: the directory judges by its own clock when it commits.
      await Promise.all(names.map((name) => this.writer.write(name, { change: { kind: 'expire', version: 0 } })));
    } while (names.length >= NAMES);
  }
}
