import { LRUCache } from 'lru-cache';

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * A token bucket for each caller: a call takes a token, tokens come back steadily, and what was saved up for a second
 * may be spent at once. Of the callers only the latest are remembered; one that was quiet for a second is owed a full
 * bucket anyway, so nothing is lost with it.
 */
export class TokenBuckets {
  readonly #buckets: LRUCache<string, Bucket>;

  /**
   * @param ratePerS tokens that come back in a second, and that a bucket holds
   * @param maxCallers how many callers are remembered
   */
  constructor(
    private readonly ratePerS: number,
    maxCallers: number,
  ) {
    this.#buckets = new LRUCache({ max: maxCallers });
  }

  /**
   * Takes a token of this caller.
   * @param nowMs a clock that never goes back
   * @returns 0 where there was one, else in how many ms the next one comes
   */
  take(caller: string, nowMs: number): number {
    let bucket = this.#buckets.get(caller);
    if (!bucket) {
      bucket = { tokens: this.ratePerS, at: nowMs };
      this.#buckets.set(caller, bucket);
    }
    bucket.tokens = Math.min(this.ratePerS, bucket.tokens + ((nowMs - bucket.at) * this.ratePerS) / 1000);
    bucket.at = nowMs;
    if (bucket.tokens < 1) return ((1 - bucket.tokens) * 1000) / this.ratePerS;
    bucket.tokens -= 1;
    return 0;
  }
}
