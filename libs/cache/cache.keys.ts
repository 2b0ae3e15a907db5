import { crc32 } from 'node:zlib';

/** Slots that lines are spread over; all keys of one line lie in one. */
const BUCKETS = 1024;

/** The only place that builds Redis keys of the cache. A line's name is never parsed, so it stands at the end. */
export class CacheKeys {
  constructor(private readonly prefix: string) {}

  /** The keys of one line as the scripts take them: line, prefix of its results, tokens of locks. */
  of(name: string): [line: string, results: string, fences: string] {
    const slot = `${this.prefix}:cache:{${crc32(name) % BUCKETS}}`;
    // The length keeps the result of one line's id apart from that of another line whose name ends in it.
    return [`${slot}:line:${name}`, `${slot}:result:${name.length}:${name}:`, `${slot}:fences:${name}`];
  }
}

/** Under which the membership notes that the hold after a change of the server has ended. */
export const GRACE_OVER = 'cache';
