import { bucketOf } from '#lib/redis';

const BUCKETS = 64;

interface BucketKeys {
  readonly names: string;
  readonly owners: string;
  readonly due: string;
  readonly fresh: string;
}

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
    return `${this.prefix}:lk:{lock${bucketOf(name, BUCKETS)}}:${name}`;
  }

  /** What the keys of places begin with in a bucket; the lock's name follows. */
  placesIn(bucket: number): string {
    return `${this.prefix}:w:{lock${bucket}}:`;
  }

  /** @returns what indexes the locks of a bucket: names, owners, when entries of these are over, what is fresh */
  ofBucket(bucket: number): BucketKeys {
    const key = (kind: string) => `${this.prefix}:${kind}:{lock${bucket}}`;
    return { names: key('n'), owners: key('o'), due: key('due'), fresh: key('f') };
  }
}
