import type { LockStore, Stepped } from './lock.store.js';
import type { AcquireRequest, CycleEntry } from './lock.types.js';
import { WaitingPlace, type Outcome } from './wait.place.js';
import { LockTimers } from './wait.timers.js';

/** How often places are looked after although no message came. */
const CHECK_MS = 1000;
/** Most CHECK calls at a time, and most owners in each. */
const CHECKS = 200;
const OWNERS = 100;

/** What a room needs of the process that it is part of. */
export interface Surroundings {
  readonly newCall: () => string;
  /** Whether scripts may be sent. */
  readonly usable: () => boolean;
}

/** Everyone who waits on this node, by lock and owner, with the timers of their locks and the slow check. */
export class WaitingRoom {
  readonly #places = new Map<string, Map<string, WaitingPlace>>();
  /** Places that Redis may have although nobody waits for them here, as name and owner. */
  readonly #abandoned = new Set<readonly [name: string, owner: string]>();
  readonly #timers = new LockTimers((name) => {
    this.step(name);
  });
  #checks: NodeJS.Timeout | undefined;
  /** Whose turn it is in the slow check, round robin. */
  #turn = 0;
  #closed = false;

  constructor(
    private readonly store: LockStore,
    private readonly around: Surroundings,
  ) {}

  open(): void {
    this.#scheduleCheck();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#checks);
    this.#timers.clear();
  }

  /** Connections that wait here. */
  get waiting(): number {
    let waiting = 0;
    for (const owners of this.#places.values()) for (const place of owners.values()) waiting += place.size;
    return waiting;
  }

  async acquire(
    request: AcquireRequest,
    leaseMs: number,
    waitMs: number,
    arrivedAt: number,
    gone: AbortSignal | undefined,
    part?: string,
  ): Promise<Outcome> {
    return await this.#placeFor(request).acquire(request, leaseMs, waitMs, arrivedAt, gone, part);
  }

  /** Redis offers the lock to the owner. Where nobody waits for it here any more, the offer is handed on. */
  offered(name: string, owner: string, token: number): void {
    const place = this.#places.get(name)?.get(owner);
    if (place) place.offered(token);
    else void this.store.leave(name, owner).catch(() => undefined);
  }

  refused(name: string, owner: string, ticket: number, cycle: CycleEntry[]): void {
    this.#places.get(name)?.get(owner)?.refused(ticket, cycle);
  }

  /** Follows up on what a script answered about the step in it. */
  stepped({ name, wakeMs, more }: Stepped): void {
    if (this.#closed) return;
    if (more) this.step(name);
    if (wakeMs !== undefined) this.#timers.arm(name, wakeMs);
  }

  /** A deadline of the lock, in so many ms, is this node's to look after. */
  wake(name: string, ms: number): void {
    this.#timers.arm(name, ms);
  }

  step(name: string): void {
    // What fails here is made good by the slow check.
    if (this.around.usable()) void this.store.check(name, []).catch(() => undefined);
  }

  /** Looks after all places now: messages may have been missed, or nodes have died. */
  checkAll(): void {
    for (const name of this.#places.keys()) void this.#check(name);
    this.#leaveAbandoned();
  }

  /** The last of the waits of each lock here, for the search for deadlocks. */
  *waits(): Generator<{ name: string; owner: string; place: WaitingPlace }> {
    for (const [name, owners] of this.#places) {
      for (const [owner, place] of owners) if (place.waits) yield { name, owner, place };
    }
  }

  /** Lets everyone go, because the node stops. */
  dismiss(reason: (mayHaveTakenEffect: boolean) => Error): void {
    for (const owners of this.#places.values()) for (const place of owners.values()) place.dismiss(reason);
  }

  #placeFor({ name, owner }: AcquireRequest): WaitingPlace {
    let owners = this.#places.get(name);
    if (!owners) this.#places.set(name, (owners = new Map<string, WaitingPlace>()));
    let place = owners.get(owner);
    if (!place) {
      place = new WaitingPlace(
        name,
        owner,
        this.store,
        this.around.newCall,
        (empty) => {
          this.#forget(name, owner, empty);
        },
        () => this.#abandoned.add([name, owner]),
      );
      owners.set(owner, place);
    }
    return place;
  }

  #forget(name: string, owner: string, place: WaitingPlace): void {
    const owners = this.#places.get(name);
    if (owners?.get(owner) !== place) return;
    owners.delete(owner);
    if (owners.size === 0) this.#places.delete(name);
  }

  #scheduleCheck(): void {
    this.#checks = setTimeout(
      () => {
        const names = [...this.#places.keys()];
        const count = Math.min(names.length, CHECKS);
        for (let i = 0; i < count; i += 1) {
          const name = names[(this.#turn + i) % names.length];
          if (name !== undefined) void this.#check(name);
        }
        this.#turn = names.length === 0 ? 0 : (this.#turn + count) % names.length;
        this.#leaveAbandoned();
        this.#scheduleCheck();
      },
      CHECK_MS * (0.75 + Math.random() / 2),
    );
  }

  #leaveAbandoned(): void {
    if (!this.around.usable()) return;
    for (const one of [...this.#abandoned].slice(0, CHECKS)) {
      this.#abandoned.delete(one);
      const [name, owner] = one;
      // Whoever waits here by now has taken the place over.
      if (this.#places.get(name)?.has(owner) === true) continue;
      this.store.leave(name, owner).catch(() => this.#abandoned.add(one));
    }
  }

  async #check(name: string): Promise<void> {
    if (!this.around.usable()) return;
    const waiting = [...(this.#places.get(name) ?? [])].filter(([, place]) => place.waits);
    for (let from = 0; from < waiting.length; from += OWNERS) {
      const some = waiting.slice(from, from + OWNERS);
      const tickets = some.map(([, place]) => place.place?.ticket);
      try {
        const states = await this.store.check(
          name,
          some.map(([owner]) => owner),
        );
        for (const [index, [, place]] of some.entries()) {
          const state = states[index];
          // Meanwhile it may have become another place.
          if (!place.waits || place.place?.ticket !== tickets[index]) continue;
          if (state === 'gone') place.lost();
          else if (typeof state === 'number') place.offered(state);
        }
      } catch {
        // Redis is away: the next check, or the reconnection, looks again.
        return;
      }
    }
  }
}
