import { EventEmitter } from 'node:events';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { SETTINGS, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import type { CacheEvents, CopyState } from './cache.events.js';
import { dropped, isHit, NOTHING, type Copy, type NodeLine } from './node.protocol.js';
import { Reading } from './reading.js';

/** What one entry costs beside its texts: its objects, and its place in the LRU. Measured: 370 to 430 on Node 24. */
const ENTRY_BYTES = 440;

/** A copy in memory, with what a listing shows of it. */
export interface HeldCopy {
  readonly copy: Copy;
  /** The answer of every hit. */
  readonly reading: Reading;
  readonly bytes: number;
  hits: number;
}

/** The lines in this node's memory: copies within their bounds, and what is under way for others. */
@Injectable()
export class LocalLines {
  readonly events = new EventEmitter<CacheEvents>();
  /** Reads answered from memory, and those that asked the directory or shared the answer of one that did. */
  readonly reads = { hit: 0, miss: 0 };
  readonly #copies: LRUCache<string, HeldCopy>;
  readonly #underWay = new Map<string, NodeLine>();
  readonly #membership: Membership;
  readonly #most: number;
  #grants = 0;

  constructor(@Inject(SETTINGS) settings: Settings, membership: Membership) {
    this.#membership = membership;
    this.#most = settings.CACHE_MAX_LINES;
    // Given that bound as its `max`, it would have lists of so many entries, and empty all of them whenever the only line
    // goes: half a millisecond of each write of that line.
    this.#copies = new LRUCache({
      maxSize: settings.CACHE_MAX_BYTES,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: ({ copy }, _name, reason) => {
        if (reason === 'evict') this.events.emit('transition', copy.state, 'I', 1);
      },
    });
    membership.events.on('epochLost', () => {
      this.#dropAll();
    });
    membership.countLinesBy(() => this.count);
  }

  /** How many lines this node has a copy of. */
  get count(): number {
    return this.#copies.size;
  }

  /** Memory that the copies take, as it is counted towards the bound. */
  get bytes(): number {
    return this.#copies.calculatedSize;
  }

  /** The largest grant in use. */
  get lastGrant(): number {
    return this.#grants;
  }

  nextGrant(): number {
    this.#grants += 1;
    return this.#grants;
  }

  /**
   * The answer to a read, where a copy may answer it in this very step. The clocks are read for each hit: a time kept
   * from before would outlive a pause of the process.
   */
  hit(name: string): Reading | undefined {
    const held = this.#copies.get(name);
    if (!held) return undefined;
    // Most copies have no end of their own: one look at the clock less.
    const now = held.copy.expiresAt === undefined ? 0 : performance.now();
    if (!isHit(held.copy, this.#membership.leaseStands(), now)) return undefined;
    held.hits += 1;
    this.reads.hit += 1;
    return held.reading;
  }

  /** All that this node holds of a line. */
  get(name: string): NodeLine {
    const line = this.#underWay.get(name) ?? NOTHING;
    const copy = this.#copies.peek(name)?.copy;
    return copy ? { ...line, copy } : line;
  }

  /** What a transition left of a line. */
  set(name: string, { copy, ...rest }: NodeLine): void {
    if (rest.fills.length > 0 || rest.write) this.#underWay.set(name, rest);
    else this.#underWay.delete(name);
    const held = this.#copies.peek(name);
    if (held?.copy === copy) return;
    if (copy) {
      const reading = new Reading(true, copy.state, copy.version, copy.json);
      this.#copies.set(name, { copy, reading, bytes: sizeOf(name, copy.json), hits: held?.hits ?? 0 });
      if (this.#copies.size > this.#most) this.#copies.pop();
    } else this.#copies.delete(name);
    this.#tell(held?.copy.state ?? 'I', copy?.state ?? 'I', 1);
  }

  /** The copies that a read could be answered from now, in no order. */
  *copies(): Generator<[name: string, held: HeldCopy]> {
    if (!this.#membership.leaseStands()) return;
    const now = performance.now();
    for (const [name, held] of this.#copies.entries()) {
      if (isHit(held.copy, true, now)) yield [name, held];
    }
  }

  /** The epoch is lost: no copy may be used again, and nothing under way may become one. */
  #dropAll(): void {
    const counts = new Map<CopyState, number>();
    for (const { copy } of this.#copies.values()) counts.set(copy.state, (counts.get(copy.state) ?? 0) + 1);
    this.#copies.clear();
    for (const [name, line] of this.#underWay) this.#underWay.set(name, dropped(line));
    for (const [state, count] of counts) this.#tell(state, 'I', count);
  }

  #tell(from: CopyState, to: CopyState, count: number): void {
    if (from !== to) this.events.emit('transition', from, to, count);
  }
}

/** V8 keeps texts in one byte per character where Latin-1 suffices, else in two. */
function sizeOf(name: string, json: string): number {
  return ENTRY_BYTES + textBytes(name) + textBytes(json);
}

function textBytes(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : 2 * text.length;
}
