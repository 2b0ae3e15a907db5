import { bucketOf } from '#lib/redis';

/** Slots that lines are spread over: all keys of one line lie in one, and each has an index of the lines that end. */
export const BUCKETS = 64;

const DUE = ':due';

/** The only place that builds Redis keys of the cache. A line's name is never parsed, so it stands at the end. */
export class CacheKeys {
  constructor(private readonly prefix: string) {}

  /** The keys of one line as the scripts take them: line, prefix of its results, tokens of locks, index of ends. */
  of(name: string): [line: string, results: string, fences: string, due: string] {
    const bucket = bucketOf(name, BUCKETS);
    const slot = this.#slot(bucket);
    // The length keeps the result of one line's id apart from that of another line whose name ends in it.
    return [
      `${slot}:line:${name}`,
      `${slot}:result:${name.length}:${name}:`,
      `${slot}:fences:${name}`,
      `${slot}${DUE}`,
    ];
  }

  /** What stands before and after `{bucket}` in the keys of all indices of ends. */
  dueOfAll(): [before: string, after: string] {
    return [this.#beforeBucket(), DUE];
  }

  #slot(bucket: number): string {
    return `${this.#beforeBucket()}{${bucket}}`;
  }

  #beforeBucket(): string {
    return `${this.prefix}:cache:`;
  }
}

/** Under which the membership notes that the hold after a change of the server has ended. */
export const GRACE_OVER = 'cache';
