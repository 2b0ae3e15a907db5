import type { Settings } from '#lib/config';
import { RedisConnection, RedisUnavailable, type CurrentServer } from '#lib/redis';

/**
 * Waits until enough replicas of Redis have what was written before. One WAIT serves all that ask while the one before
 * it is under way, on a connection of its own, since it blocks.
 */
export class ReplicaWait {
  readonly #connection: RedisConnection | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(
    private readonly settings: Settings,
    current: CurrentServer,
    private readonly key: string,
  ) {
    if (settings.LOCK_MIN_REPLICAS > 0) this.#connection = new RedisConnection(settings, current, 'replicas', true);
  }

  /** @throws RedisUnavailable, mayHaveTakenEffect, where they do not get it in time */
  async written(): Promise<void> {
    if (!this.#connection) return;
    // What runs already may have begun before this caller's write.
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => undefined)
      .then(async () => {
        this.#running = this.#next;
        this.#next = undefined;
        await this.#wait();
      });
    await this.#next;
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  async #wait(): Promise<void> {
    const { LOCK_MIN_REPLICAS: wanted, REDIS_TIMEOUT_MS: timeoutMs } = this.settings;
    const redis = this.#connection?.server && this.#connection.redis;
    if (!redis) throw new RedisUnavailable('Redis cannot be reached', true);
    let reached: number;
    try {
      // WAIT counts from this connection's own last write, which comes after those of the others.
      await redis.set(this.key, '1', 'PX', 60_000);
      reached = await redis.wait(wanted, Math.ceil(timeoutMs / 2));
    } catch (cause) {
      throw new RedisUnavailable('Redis did not answer in time', true, { cause });
    }
    if (reached < wanted) throw new RedisUnavailable(`Only ${reached} of ${wanted} replicas have the grant`, true);
  }
}
