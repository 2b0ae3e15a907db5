import { hash } from 'node:crypto';

const BUCKETS = 64;

/** The keys that scripts of locks are given. From that of a lock they derive its others, all in the slot of its bucket. */
export class LockKeys {
  /** Names of all buckets, for listings. */
  static readonly buckets: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

  constructor(private readonly prefix: string) {}

  /** Written before replicas are waited for. */
  get replicated(): string {
    return `${this.prefix}:{lock}:replicated`;
  }

  of(name: string): string {
    return `${this.prefix}:lk:{lock${bucketOf(name)}}:${name}`;
  }

  /** What the keys of places begin with in a bucket; the lock's name follows. */
  placesIn(bucket: number): string {
    return `${this.prefix}:w:{lock${bucket}}:`;
  }

  /** @returns names, owners, when their entries are over, and what is in none of them yet */
  ofBucket(bucket: number): string[] {
    return ['n', 'o', 'due', 'f'].map((kind) => `${this.prefix}:${kind}:{lock${bucket}}`);
  }
}

/** A lock is in the same bucket on every node, whatever its version. */
function bucketOf(name: string): number {
  return (hash('md5', name, 'buffer')[0] ?? 0) % BUCKETS;
}
