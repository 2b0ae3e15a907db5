import { Injectable } from '@nestjs/common';
import { Membership } from '#lib/membership';
import { AnswerTooLarge, TooManyFences } from './cache.errors.js';
import { CacheReader } from './cache.reader.js';
import { CacheWriter } from './cache.writer.js';
import { Directory } from './directory.client.js';
import type { Change, Fence, LineState, Outcome } from './line.types.js';
import { LocalLines } from './local.lines.js';
import type { Reading } from './reading.js';
import { ServerHold } from './server.hold.js';

/** Lines that one call reads side by side. */
const READ_AT_ONCE = 100;

export interface DeleteOptions {
  /** Only if this is the line's version; 0: only if it is absent. */
  readonly ifVersion?: number | undefined;
  /** The token of the lock that the caller holds: refused where a higher one was seen. */
  readonly fence?: Fence | undefined;
  /** A repetition under the same id, on any node, gets the first answer; remembered for five minutes. */
  readonly requestId?: string | undefined;
}

export interface WriteOptions extends DeleteOptions {
  /** Life of the value in milliseconds; none: it does not end. */
  readonly ttlMs?: number | undefined;
}

export interface IncrementOptions {
  /** Default 1. */
  readonly by?: number | undefined;
  /** Life of the value from now on in milliseconds; none: as it was. */
  readonly ttlMs?: number | undefined;
  readonly requestId?: string | undefined;
}

type Conditional = Extract<Change, { kind: 'write' | 'delete' }>;

interface VersionConflict {
  ok: false;
  reason: 'version_conflict';
  version: number;
}
interface StaleToken {
  ok: false;
  reason: 'stale_token';
  token: number;
}
export type Written = { ok: true; version: number } | VersionConflict | StaleToken;
export type Deleted = { ok: true } | { ok: false; reason: 'not_found' } | VersionConflict | StaleToken;
export type Incremented = { ok: true; value: number; version: number } | { ok: false; reason: 'not_a_number' };

export interface LineView {
  readonly key: string;
  readonly version: number;
  readonly owner: string | null;
  readonly nodes: Readonly<Record<string, LineState | 'I'>>;
  readonly busy: boolean;
}

export interface LocalLine {
  readonly key: string;
  readonly state: LineState;
  readonly version: number;
  readonly bytes: number;
  readonly hits: number;
}

/**
 * A cache that all nodes share and that each serves from its own memory: reads and writes are linearizable across
 * nodes. All calls throw RedisUnavailable where Redis or the lease is missing; for a write it says whether the write
 * may have happened.
 */
@Injectable()
export class CacheService {
  constructor(
    private readonly membership: Membership,
    private readonly lines: LocalLines,
    private readonly directory: Directory,
    private readonly reader: CacheReader,
    private readonly writer: CacheWriter,
    private readonly hold: ServerHold,
  ) {}

  /** What happens here, for metrics and logs. */
  get events() {
    return this.lines.events;
  }

  /** How many reads were answered from memory since the start, and how many were not. */
  get reads(): Readonly<Record<'hit' | 'miss', number>> {
    return this.lines.reads;
  }

  /** How many lines this node has a copy of. */
  get lineCount(): number {
    return this.lines.count;
  }

  /** Memory of the copies in bytes, as it counts towards CACHE_MAX_BYTES. */
  get lineBytes(): number {
    return this.lines.bytes;
  }

  /** Whether calls must wait because Redis was restarted and may have lost something. */
  get holding(): boolean {
    return this.hold.active;
  }

  /** The answer from this node's memory, if it has one that may be used now. */
  readFromMemory(key: string): Reading | undefined {
    return this.reader.fromMemory(key);
  }

  /** @returns undefined where there is no such line */
  read(key: string): Promise<Reading | undefined> {
    return this.reader.read(key);
  }

  /**
   * Reads several lines, each by itself: this is no snapshot.
   * @param maxBytes of all values together
   * @throws AnswerTooLarge before much more than that is in memory
   */
  async readMany(keys: readonly string[], maxBytes = Infinity): Promise<ReadonlyMap<string, Reading | undefined>> {
    const names = [...new Set(keys)];
    const found = new Map<string, Reading | undefined>();
    let bytes = 0;
    for (let first = 0; first < names.length; first += READ_AT_ONCE) {
      const some = names.slice(first, first + READ_AT_ONCE);
      const readings = await Promise.all(some.map((name) => this.reader.read(name)));
      for (const [index, name] of some.entries()) {
        const reading = readings[index];
        bytes += reading ? Buffer.byteLength(reading.json) : 0;
        if (bytes > maxBytes) throw new AnswerTooLarge();
        found.set(name, reading);
      }
    }
    return found;
  }

  /** @param value any JSON value; it is taken as it is at this moment */
  async write(key: string, value: unknown, options: WriteOptions = {}): Promise<Written> {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) throw new TypeError('only what JSON can say can be written');
    const { ttlMs, requestId } = options;
    const change: Extract<Change, { kind: 'write' }> = { kind: 'write', json };
    if (ttlMs !== undefined) change.ttlMs = ttlMs;
    const outcome = await this.#change(key, conditional(change, options), requestId);
    return refusal(outcome) ?? { ok: true, version: known(outcome.version) };
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<Deleted> {
    const outcome = await this.#change(key, conditional({ kind: 'delete' }, options), options.requestId);
    if (outcome.code === 'not_found') return { ok: false, reason: 'not_found' };
    return refusal(outcome) ?? { ok: true };
  }

  /** Adds to a whole number; an absent line counts as 0. */
  async increment(key: string, options: IncrementOptions = {}): Promise<Incremented> {
    const { by = 1, ttlMs, requestId } = options;
    const change: Extract<Change, { kind: 'increment' }> = { kind: 'increment', by };
    if (ttlMs !== undefined) change.ttlMs = ttlMs;
    const outcome = await this.#change(key, change, requestId);
    if (outcome.code === 'not_a_number') return { ok: false, reason: 'not_a_number' };
    return { ok: true, value: known(outcome.number), version: known(outcome.version) };
  }

  /** The line as the directory has it, with the state of each living node. */
  async line(key: string): Promise<LineView> {
    const [line, members] = await Promise.all([this.directory.inspect(key), this.membership.members()]);
    const held = line.holders.length > 1 ? 'S' : line.holders[0] === line.owner ? 'M' : 'E';
    const nodes = new Map<string, LineState | 'I'>();
    for (const { id, epoch, alive } of members) {
      // Two processes may have one label while one replaces the other.
      if (alive && nodes.get(id) !== held) nodes.set(id, line.holders.includes(epoch) ? held : 'I');
    }
    const owned = line.holders.find((epoch) => epoch === line.owner);
    const owner = members.find(({ epoch }) => epoch === owned)?.id ?? null;
    return { key, version: line.version, owner, nodes: Object.fromEntries(nodes), busy: line.roundOpen };
  }

  /** The first lines in this node's memory whose names come after `after`, in the order of their names. */
  linesAfter(after: string | undefined, limit: number, state?: LineState): { lines: LocalLine[]; more: boolean } {
    const found: LocalLine[] = [];
    for (const [key, { copy, bytes, hits }] of this.lines.copies()) {
      if ((after === undefined || key > after) && (state === undefined || copy.state === state)) {
        found.push({ key, state: copy.state, version: copy.version, bytes, hits });
      }
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { lines: found.slice(0, limit), more: found.length > limit };
  }

  #change(key: string, change: Change, requestId: string | undefined): Promise<Outcome> {
    // Own ids begin with an instance, which has no slash.
    const order = requestId === undefined ? { change } : { change, repeatableAs: `/${change.kind}/${requestId}` };
    return this.writer.write(key, order);
  }
}

/** @throws TooManyFences */
function refusal({ code, version, number }: Outcome): VersionConflict | StaleToken | undefined {
  if (code === 'too_many_fences') throw new TooManyFences();
  if (code === 'version_conflict') return { ok: false, reason: code, version: known(version) };
  return code === 'stale_token' ? { ok: false, reason: code, token: known(number) } : undefined;
}

function known(number: number | undefined): number {
  if (number === undefined) throw new Error('the directory left a number out');
  return number;
}

/** @returns the change, under the conditions that were given */
function conditional(change: Conditional, { ifVersion, fence }: DeleteOptions): Conditional {
  if (ifVersion !== undefined) change.ifVersion = ifVersion;
  if (fence !== undefined) change.fence = fence;
  return change;
}
