import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { FENCE_AFTER_MS, Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { GRACE_OVER } from './cache.keys.js';
import { LocalLines } from './local.lines.js';

/**
 * Holds requests back after Redis may have lost something: processes that have not noticed yet may still serve copies
 * that the directory no longer knows of, until their leases have run out (docs/PROTOCOL.md "Redis restarts").
 */
@Injectable()
export class ServerHold {
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    membership: Membership,
    lines: LocalLines,
  ) {
    membership.events.on('serverChanged', ({ lost, graceOver }) => {
      // Nothing was lost, so the directory knows of every copy; a hold that is on has another reason.
      if (!lost || graceOver.has(GRACE_OVER)) return;
      clearTimeout(this.#timer);
      lines.events.emit('held', FENCE_AFTER_MS);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        void membership.markGraceOver(GRACE_OVER);
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const go of waiting) go();
      }, FENCE_AFTER_MS);
      this.#timer.unref();
    });
  }

  /** Whether requests to the directory must wait. */
  get active(): boolean {
    return this.#timer !== undefined;
  }

  /**
   * Returns when requests may go to the directory.
   * @throws RedisUnavailable, without effect, where that takes longer than one answer of Redis may
   */
  async passed(): Promise<void> {
    const timedOut = Symbol();
    while (this.active) {
      let timer: NodeJS.Timeout | undefined;
      const over = new Promise<void>((resolve) => this.#waiting.push(resolve));
      const timeout = new Promise<typeof timedOut>((resolve) => {
        timer = setTimeout(() => {
          resolve(timedOut);
        }, this.settings.REDIS_TIMEOUT_MS);
      });
      const first = await Promise.race([over, timeout]);
      clearTimeout(timer);
      if (first === timedOut) {
        throw new RedisUnavailable('Redis was started anew: the cache waits until no node can serve old copies', false);
      }
    }
  }
}
