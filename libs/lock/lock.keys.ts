import { hash } from 'node:crypto';

const BUCKETS = 64;

/** The keys of one lock, in the order in which scripts take them, all in the slot of its bucket. */
export type LockKeyList = string[];

/** The only place that builds Redis keys of locks. */
export class LockKeys {
  /** Names of all buckets, for listings. */
  static readonly buckets: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

  constructor(private readonly prefix: string) {}

  /** Written before replicas are waited for. */
  get replicated(): string {
    return `${this.prefix}:{lock}:replicated`;
  }

  /** @returns lock, holds, deadlines, queue, places, watchers, then the indices of its bucket */
  of(name: string): LockKeyList {
    const bucket = bucketOf(name);
    const own = ['lk', 'h', 'd', 'q', 'w', 'wt'].map((kind) => `${this.prefix}:${kind}:{lock${bucket}}:${name}`);
    return [...own, ...this.ofBucket(bucket)];
  }

  /** What the keys of places begin with in a bucket; the lock's name follows. */
  placesIn(bucket: number): string {
    return `${this.prefix}:w:{lock${bucket}}:`;
  }

  /** @returns names, owners, and when their entries are over */
  ofBucket(bucket: number): LockKeyList {
    return ['n', 'o', 'due'].map((kind) => `${this.prefix}:${kind}:{lock${bucket}}`);
  }
}

/** A lock is in the same bucket on every node, whatever its version. */
function bucketOf(name: string): number {
  return (hash('md5', name, 'buffer')[0] ?? 0) % BUCKETS;
}
