import { findCycle, isSameCycle, victimFirst, type Link } from './deadlock.search.js';
import type { LockListing } from './lock.listing.js';
import type { LockGraph, LockStore } from './lock.store.js';
import type { WaitingRoom } from './wait.room.js';

const TICK_MS = 250;
/** After a wait of so long the first search, then one each second, then one every so often. */
const FIRST_MS = 1000;
const EVERY_MS = 1000;
const QUICK_SEARCHES = 5;
const LATER_MS = 8000;
/** Bounds of one search over all waits that are due. */
const MOST_GRAPHS = 1000;
const MOST_LEVELS = 100;
const OWNERS_PER_CALL = 500;

interface Searched {
  readonly ticket: number;
  times: number;
  nextAt: number;
}

interface Suspect {
  readonly name: string;
  readonly owner: string;
}

/** Searches for deadlocks from the last waiter of each lock on this node, and has the victim give up its place. */
export class DeadlockWatch {
  readonly #searched = new Map<string, Searched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly room: WaitingRoom,
    private readonly store: LockStore,
    private readonly listing: LockListing,
    private readonly usable: () => boolean,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => {
      void this.#tick();
    }, TICK_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    try {
      const suspects = this.#due();
      if (suspects.length > 0 && this.usable()) await this.#search(suspects);
    } catch {
      // Redis is away: whoever still waits then is looked at again.
    }
    if (this.#timer) this.start();
  }

  /** The last waiter of each lock here whose turn it is. */
  #due(): Suspect[] {
    const now = performance.now();
    const last = new Map<string, { owner: string; ticket: number; since: number }>();
    for (const { name, owner, place } of this.room.waits()) {
      const ticket = place.place?.ticket;
      if (ticket === undefined || now - place.since < FIRST_MS || ticket < (last.get(name)?.ticket ?? 0)) continue;
      last.set(name, { owner, ticket, since: place.since });
    }
    for (const name of this.#searched.keys()) if (!last.has(name)) this.#searched.delete(name);
    const due: Suspect[] = [];
    for (const [name, { owner, ticket }] of last) {
      let searched = this.#searched.get(name);
      if (searched?.ticket !== ticket) this.#searched.set(name, (searched = { ticket, times: 0, nextAt: now }));
      if (now < searched.nextAt) continue;
      searched.times += 1;
      searched.nextAt = now + (searched.times < QUICK_SEARCHES ? EVERY_MS : LATER_MS);
      due.push({ name, owner });
    }
    return due;
  }

  async #search(suspects: readonly Suspect[]): Promise<void> {
    const first = await this.#read(suspects);
    const found = suspects.filter((suspect) => findCycle(first, suspect));
    if (found.length === 0) return;
    // A cycle that was put together from different moments need never have existed; what is there both times does.
    const second = await this.#read(found);
    const refused = new Set<string>();
    for (const suspect of found) {
      const cycle = findCycle(first, suspect);
      const again = findCycle(second, suspect);
      if (!cycle || !again || !isSameCycle(cycle, again)) continue;
      const ordered = victimFirst(again);
      if (ordered.some((link) => refused.has(keyOf(link)))) continue;
      const [victim] = ordered;
      if (!victim) continue;
      refused.add(keyOf(victim));
      await this.store.refuse(
        victim.name,
        victim.owner,
        victim.ticket,
        ordered.map(({ owner, name }) => ({ owner, waitsFor: name })),
      );
    }
  }

  /** Reads all locks that can be reached, one level of holders after the other. */
  async #read(suspects: readonly Suspect[]): Promise<Map<string, LockGraph>> {
    const graphs = new Map<string, LockGraph>();
    const known = new Set<string>();
    let names = new Set(suspects.map(({ name }) => name));
    for (let level = 0; names.size > 0 && level < MOST_LEVELS; level += 1) {
      const fresh = [...names].slice(0, MOST_GRAPHS - graphs.size);
      const read = await Promise.all(
        fresh.map(async (name) => {
          const graph = await this.store.graph(name);
          graphs.set(name, graph);
          return graph;
        }),
      );
      const owners = read.flatMap(({ holders }) => holders.map(({ owner }) => owner));
      const unknown = [...new Set(owners)].filter((owner) => !known.has(owner));
      for (const owner of unknown) known.add(owner);
      names = new Set<string>();
      for (let from = 0; from < unknown.length; from += OWNERS_PER_CALL) {
        const waits = await this.listing.waitsOf(unknown.slice(from, from + OWNERS_PER_CALL));
        for (const { name } of waits) if (!graphs.has(name)) names.add(name);
      }
    }
    return graphs;
  }
}

function keyOf({ name, owner, ticket }: Link): string {
  return JSON.stringify([name, owner, ticket]);
}
