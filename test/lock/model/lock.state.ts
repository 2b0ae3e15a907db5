import type { LockMode, LockView } from '#lib/lock';
import type { LockGraph } from '../../../libs/lock/lock.store.js';

/** A hold as the rules know it. Tokens are numbered in the order of their grants. */
export interface ModelHold {
  mode: LockMode;
  token: number;
  lease: number;
  call: string;
  confirmed: boolean;
  deadline: number;
  /** The shared hold that an upgrade goes back to, until its owner has it for good. */
  was?: { token: number; deadline: number; lease: number } | undefined;
}

export interface ModelPlace {
  mode: LockMode;
  limit: number;
  ticket: number;
  state: 'queued' | 'offered' | 'confirmed';
  upgrade: boolean;
  since: number;
  instances: Map<string, { epoch: number; till: number }>;
}

/** What a caller knows of the processes. */
export interface ModelSnapshot {
  readonly counter: number;
  /** Living epochs: instance by epoch. */
  readonly living: ReadonlyMap<number, string>;
}

export const nodeOf = (instance: string) => `node-${instance}`;
const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

export function isDead(place: ModelPlace, { counter, living }: ModelSnapshot): boolean {
  const instances = new Set(living.values());
  return [...place.instances].every(([instance, { epoch }]) => epoch <= counter && !instances.has(instance));
}

/** What a lock is, and what can be said of it at any time. */
export class LockState {
  readonly holds = new Map<string, ModelHold>();
  readonly places = new Map<string, ModelPlace>();
  /** Until when instances watch. */
  readonly watchers = new Map<string, number>();
  /** When the last script ran, in lock time. */
  now = 0;

  /** What must hold after every script that did not stop short. */
  violations(grants: boolean): string[] {
    const live = this.liveOwners().map((owner) => this.holds.get(owner));
    const [head] = this.queue();
    const found: string[] = [];
    if (live.length > 1 && live.some((hold) => hold?.mode === 'exclusive'))
      found.push('an exclusive hold beside others');
    if (head !== undefined && grants && this.headGrantable(head)) found.push('the head is grantable');
    if (this.queue().filter((owner) => this.rank(owner) === 0).length > 1) found.push('two upgraders');
    for (const owner of this.queue()) {
      const hold = this.holds.get(owner);
      if (hold && !(hold.mode === 'shared' && this.places.get(owner)?.upgrade === true))
        found.push(`${owner} holds and waits`);
    }
    return found;
  }

  get waiting(): boolean {
    return this.queue().length > 0;
  }

  /** When the waits of those who stand in a place end, be it offered or confirmed by now. */
  waits(): number[] {
    return [...this.places.values()].flatMap(({ instances }) => [...instances.values()].map(({ till }) => till));
  }

  /** The instances of the head, and the deadline at which it may become grantable. */
  wake(): { head: string; instances: string[]; at: number } | undefined {
    const [head] = this.queue();
    const place = head === undefined ? undefined : this.places.get(head);
    if (head === undefined || !place) return undefined;
    const others = this.liveOwners().filter((owner) => owner !== head);
    const deadlines = others.map((owner) => this.holds.get(owner)?.deadline ?? 0);
    if (deadlines.length === 0) return undefined;
    const refusedByLimit = place.mode === 'shared' && others.every((owner) => this.holds.get(owner)?.mode === 'shared');
    return {
      head,
      instances: [...place.instances.keys()],
      at: refusedByLimit ? Math.min(...deadlines) : Math.max(...deadlines),
    };
  }

  /** Those who watch, and the deadline at which there is something to tell them. */
  alarm(): { instances: string[]; at: number } | undefined {
    const instances = [...this.watchers].filter(([, till]) => till > this.now).map(([instance]) => instance);
    const [first] = this.liveOwners();
    if (instances.length === 0 || first === undefined) return undefined;
    return { instances, at: this.holds.get(first)?.deadline ?? 0 };
  }

  /** What users see: an offer is nobody's hold yet; who is offered it waits, and holds what he would upgrade. */
  view(name: string, now: number, snapshot: ModelSnapshot): LockView {
    const live = this.liveOwners(now);
    // Of an offer that has lapsed, the shared hold that it would have upgraded is there all the same.
    const lapsed = [...this.holds.keys()].filter((owner) => !this.live(owner, now));
    const holders = [...live, ...lapsed].flatMap((owner) => {
      const own = this.own(owner, now);
      if (!own) return [];
      return [{ owner, mode: own.mode, token: own.token, expiresInMs: own.deadline - now }];
    });
    const offered = live.filter((owner) => this.places.get(owner)?.state === 'offered');
    const queue = this.queue();
    const waiting = (owner: string) => {
      const place = this.places.get(owner);
      const [first = ''] = place?.instances.keys() ?? [];
      return { owner, mode: place?.mode ?? 'shared', node: nodeOf(first), waitingMs: now - (place?.since ?? 0) };
    };
    const alive = (owner: string) => {
      const place = this.places.get(owner);
      return place !== undefined && !isDead(place, snapshot);
    };
    return {
      name,
      mode: holders[0]?.mode ?? null,
      token: holders.length === 0 ? null : Math.max(...holders.map(({ token }) => token)),
      holders,
      waiters: [...offered, ...queue.filter(alive)].map(waiting),
      holdersCount: holders.length,
      waitersCount: offered.length + queue.length,
    };
  }

  /** What the search for deadlocks sees. */
  graph(now: number): LockGraph {
    const holders = this.liveOwners(now).flatMap((owner) => {
      const hold = this.holds.get(owner);
      if (!hold) return [];
      return [{ owner, mode: hold.mode, token: hold.token, firm: hold.confirmed || hold.call !== '-' }];
    });
    const waiters = this.queue().flatMap((owner) => {
      const place = this.places.get(owner);
      if (!place) return [];
      return [{ owner, mode: place.mode, ticket: place.ticket, limit: place.limit, upgrades: this.rank(owner) === 0 }];
    });
    return { holdersCount: holders.length, waitersCount: waiters.length, holders, waiters };
  }

  protected headGrantable(head: string): boolean {
    const place = this.places.get(head);
    if (!place) return false;
    if (this.rank(head) === 0) return this.liveOwners().length === 1;
    return this.grantable(place.mode, place.limit);
  }

  protected grantable(mode: LockMode, limit: number): boolean {
    const live = this.liveOwners();
    if (live.length === 0) return true;
    const shared = live.every((owner) => this.holds.get(owner)?.mode === 'shared');
    return mode === 'shared' && shared && (limit === 0 || live.length < limit);
  }

  protected live(owner: string, now = this.now): ModelHold | undefined {
    const hold = this.holds.get(owner);
    return hold && hold.deadline > now ? hold : undefined;
  }

  /** In the order of their deadlines. */
  protected liveOwners(now = this.now): string[] {
    return this.#byDeadline([...this.holds.keys()].filter((owner) => this.live(owner, now)));
  }

  /** Those whose deadline has passed, in that order too. */
  protected overOwners(): string[] {
    return this.#byDeadline([...this.holds.keys()].filter((owner) => !this.live(owner)));
  }

  #byDeadline(owners: string[]): string[] {
    const deadline = (owner: string) => this.holds.get(owner)?.deadline ?? 0;
    return owners.sort((a, b) => deadline(a) - deadline(b) || bytes(a, b));
  }

  /** What the owner himself holds: no offer, but the shared hold that an offer would upgrade. */
  protected own(owner: string, now = this.now): { mode: LockMode; token: number; deadline: number } | undefined {
    const hold = this.holds.get(owner);
    if (!hold) return undefined;
    if (hold.confirmed) return hold.deadline > now ? hold : undefined;
    return hold.was && hold.was.deadline > now ? { mode: 'shared', ...hold.was } : undefined;
  }

  /** 0 the upgrader, 1 those whose shared hold ended while they waited for their upgrade, 2 everyone else. */
  protected rank(owner: string): 0 | 1 | 2 {
    if (this.places.get(owner)?.upgrade !== true) return 2;
    return this.own(owner) ? 0 : 1;
  }

  protected queue(): string[] {
    const ticket = (owner: string) => this.places.get(owner)?.ticket ?? 0;
    return [...this.places]
      .filter(([, place]) => place.state === 'queued')
      .map(([owner]) => owner)
      .sort((a, b) => this.rank(a) - this.rank(b) || ticket(a) - ticket(b) || bytes(a, b));
  }
}
