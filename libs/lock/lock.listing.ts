import type { LuaScript, RedisArgument } from '#lib/redis';
import { LockKeys } from './lock.keys.js';
import { listScript, waitsScript } from './lock.scripts.js';

/** @param joins as RedisConnection.run has it */
export type Send = <Answer>(
  script: LuaScript<Answer>,
  keys: string[],
  args: RedisArgument[],
  joins?: boolean,
) => Promise<Answer>;

/** No text in UTF-8 has this byte, so it ends every range of what begins alike. */
const END = Buffer.from([0xff]);
const MOST_WAITS_OF_ONE = 1000;

interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface NamePage {
  /** In the order of their bytes in UTF-8. */
  readonly names: string[];
  /** Where to go on; undefined at the end. */
  readonly next: string | undefined;
}

/** Looks through the indices of all buckets, of which each is in another slot. */
export class LockListing {
  constructor(
    private readonly send: Send,
    private readonly keys: LockKeys,
  ) {}

  /**
   * A page of names, which may be short.
   * @param owner only locks that he holds or waits for
   * @param after the last name of the page before
   */
  async page(prefix: string, owner: string | undefined, after: string | undefined, limit: number): Promise<NamePage> {
    const scope = Buffer.from(owner === undefined ? '' : `${Buffer.byteLength(owner)}:${owner}`);
    const min = after === undefined ? ['[', scope, prefix] : ['(', scope, after];
    const range = [bytesOf(min), bytesOf(['(', scope, prefix, END])];
    // Names spread over the buckets by chance; three deviations more than its part from each fills nearly every page.
    const part = limit / LockKeys.buckets.length;
    const share = Math.ceil(part + 3 * Math.sqrt(part)) + 4;
    const parts = await Promise.all(
      LockKeys.buckets.map((bucket) => {
        const { names, owners, due, fresh } = this.keys.ofBucket(bucket);
        const [index, kind] = owner === undefined ? [names, 'n'] : [owners, 'o'];
        return this.send(listScript, [index, due, fresh], [kind, ...range, share]);
      }),
    );
    const nameOf = (entry: string): Entry => entryOf(Buffer.from(entry).subarray(scope.length));
    // Beyond the first bucket that has more, names of it may be missing.
    const ends = parts.filter(([atEnd]) => atEnd === 0).map(([, last]) => nameOf(last));
    const frontier = ends.sort(byBytes)[0];
    const begin = after === undefined ? undefined : entryOf(Buffer.from(after));
    const fresh = parts
      .flatMap(([, , , pairs]) => pairs)
      .filter((name, i, pairs) => i % 2 === 0 && name.startsWith(prefix) && (owner ?? pairs[i + 1]) === pairs[i + 1])
      .map((name) => entryOf(Buffer.from(name)))
      .filter((entry) => !begin || byBytes(entry, begin) > 0);
    const found = parts
      .flatMap(([, , entries]) => entries.map(nameOf))
      .concat(fresh)
      .filter((entry) => !frontier || byBytes(entry, frontier) <= 0)
      .sort(byBytes);
    const names = found.slice(0, limit).map(({ name }) => name);
    return { names, next: found.length > limit ? names.at(-1) : frontier?.name };
  }

  /** Every lock that some owners wait for. @returns owner and lock of each wait */
  async waitsOf(owners: readonly string[]): Promise<{ owner: string; name: string }[]> {
    if (owners.length === 0) return [];
    const parts = await Promise.all(
      LockKeys.buckets.map((bucket) => {
        return this.send(
          waitsScript,
          [this.keys.ofBucket(bucket).owners],
          [this.keys.placesIn(bucket), MOST_WAITS_OF_ONE, ...owners],
        );
      }),
    );
    const waits: { owner: string; name: string }[] = [];
    for (const part of parts) {
      for (let i = 0; i + 1 < part.length; i += 2) waits.push({ owner: part[i] ?? '', name: part[i + 1] ?? '' });
    }
    return waits;
  }
}

function bytesOf(parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

function entryOf(bytes: Buffer): Entry {
  return { name: bytes.toString(), bytes };
}

function byBytes(a: Entry, b: Entry): number {
  return Buffer.compare(a.bytes, b.bytes);
}
