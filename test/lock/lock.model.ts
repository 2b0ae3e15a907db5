import type { LockMode } from '#lib/lock';

/** A hold as the rules know it. Tokens are numbered in the order of their grants. */
export interface ModelHold {
  mode: LockMode;
  token: number;
  lease: number;
  call: string;
  confirmed: boolean;
  deadline: number;
  /** The shared hold that an unconfirmed upgrade goes back to. */
  was?: { token: number; deadline: number; lease: number } | undefined;
}

export interface ModelPlace {
  mode: LockMode;
  limit: number;
  ticket: number;
  state: 'queued' | 'offered' | 'confirmed';
  upgrade: boolean;
  instances: Map<string, { epoch: number; till: number }>;
}

/** What a caller knows of the processes. */
export interface ModelSnapshot {
  readonly counter: number;
  /** Living epochs: instance by epoch. */
  readonly living: ReadonlyMap<number, string>;
}

export interface ModelCaller {
  readonly instance: string;
  readonly epoch: number;
  readonly snapshot: ModelSnapshot;
  readonly grants: boolean;
}

export type ModelAnswer =
  | { kind: 'granted'; token: number; how: string }
  | { kind: 'waiting'; ticket: number; upgrade: boolean }
  | { kind: 'offered'; token: number }
  | { kind: 'deadlock'; other: string }
  | { kind: 'locked' | 'full' | 'gone' | 'left' | 'ok' | 'not_owner' | 'not_held' | 'stale_token' }
  | { kind: 'flag'; value: boolean }
  | { kind: 'ended'; ended: number }
  | { kind: 'lease'; value: number | undefined }
  | { kind: 'states'; states: ('queued' | 'gone' | number)[] };

export interface ModelOffer {
  readonly instance: string;
  readonly owner: string;
  readonly token: number;
}

const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * The lock as its README describes it, as plain data: small, slow and obvious. It is told what time it is, and which
 * ticket a new place was given; everything else it must come to on its own.
 */
export class LockModel {
  readonly holds = new Map<string, ModelHold>();
  readonly places = new Map<string, ModelPlace>();
  tokens = 0;
  offers: ModelOffer[] = [];
  now = 0;

  constructor(
    private readonly offerMs: number,
    private readonly maxWaiters: number,
  ) {}

  acquire(
    who: ModelCaller,
    owner: string,
    ask: { mode: LockMode; lease: number; wait: number; limit: number; call: string; partly: boolean },
    again: { ticket: number; upgrade: boolean } | undefined,
    newTicket: () => number,
  ): ModelAnswer {
    this.step(who);
    const { mode, lease, wait, call, partly } = ask;
    const hold = this.#live(owner);
    const place = this.places.get(owner);
    const queued = place?.state === 'queued';
    if (hold && !hold.confirmed && !(partly && hold.call === call)) {
      if (hold.mode !== mode) return { kind: 'locked' };
      const how = hold.was ? 'upgraded' : 'new';
      this.#confirm(who, owner, lease, call, partly ? 'part' : 'single');
      return { kind: 'granted', token: hold.token, how };
    }
    if (hold?.confirmed === true && partly && (hold.mode === mode || hold.mode === 'exclusive')) {
      return { kind: 'granted', token: hold.token, how: 'held' };
    }
    if (hold?.mode === mode) {
      Object.assign(hold, { deadline: Math.max(hold.deadline, this.now + lease), lease, call, confirmed: true });
      delete hold.was;
      return { kind: 'granted', token: hold.token, how: 'renewed' };
    }
    if (hold?.mode === 'exclusive') {
      Object.assign(hold, { mode, deadline: Math.max(hold.deadline, this.now + lease), lease, call, confirmed: true });
      delete hold.was;
      if (who.grants) this.#handOver(who);
      return { kind: 'granted', token: hold.token, how: 'downgraded' };
    }
    if (hold) {
      if (this.#liveOwners().length === 1 && !queued && who.grants) {
        const { token, deadline } = hold;
        const was = { token, deadline, lease: hold.lease };
        this.#grant(owner, mode, lease, call, partly, Math.max(deadline, this.now + lease), was);
        return { kind: 'granted', token: this.tokens, how: 'upgraded' };
      }
      if (wait === 0) return { kind: 'locked' };
      if (!queued) {
        const upgrader = this.#queue().find((other) => this.#rank(other) === 0);
        if (upgrader !== undefined) return { kind: 'deadlock', other: upgrader };
        this.places.delete(owner);
      }
      return this.#enlist(who, owner, ask, true, again?.ticket, again !== undefined, newTicket);
    }
    if (place) {
      if (place.mode !== mode || wait === 0) return { kind: 'locked' };
      return this.#enlist(who, owner, ask, place.upgrade, undefined, again !== undefined, newTicket);
    }
    if (again) return this.#enlist(who, owner, ask, again.upgrade, again.ticket, true, newTicket);
    if (this.#queue().length === 0 && this.#grantable(mode, ask.limit)) {
      this.#grant(owner, mode, lease, call, partly, this.now + lease, undefined);
      return { kind: 'granted', token: this.tokens, how: 'new' };
    }
    if (wait === 0) return { kind: 'locked' };
    return this.#enlist(who, owner, ask, false, undefined, false, newTicket);
  }

  confirm(
    who: ModelCaller,
    owner: string,
    token: number | undefined,
    lease: number,
    call: string,
    part: boolean,
  ): ModelAnswer {
    const hold = this.#live(owner);
    let answer: ModelAnswer = { kind: 'gone' };
    if (hold && (token === undefined ? hold.call === call : hold.token === token)) {
      answer = { kind: 'granted', token: hold.token, how: howOf(hold) };
      this.#confirm(who, owner, lease, call, part ? 'part' : token === undefined ? 'whole' : 'single');
    }
    this.step(who);
    return answer;
  }

  leave(who: ModelCaller, owner: string, take: { lease: number; call: string } | undefined): ModelAnswer {
    const hold = this.#live(owner);
    const place = this.places.get(owner);
    let answer: ModelAnswer = { kind: 'left' };
    if (place?.instances.has(who.instance) === true) {
      if (take && hold && place.state !== 'queued') {
        answer = { kind: 'granted', token: hold.token, how: howOf(hold) };
        this.#confirm(who, owner, take.lease, take.call, 'single');
      } else {
        place.instances.delete(who.instance);
        if (place.instances.size === 0) {
          if (place.state === 'offered') this.#end(owner);
          else this.places.delete(owner);
        }
      }
    }
    this.step(who);
    return answer;
  }

  undelivered(who: ModelCaller, owner: string, call: string): ModelAnswer {
    const hold = this.#live(owner);
    const place = this.places.get(owner);
    const mine = hold?.call === call;
    if (hold && mine) {
      if (hold.confirmed && place?.state === 'confirmed' && !isDead(place, who.snapshot)) {
        Object.assign(hold, { confirmed: false, call: '-', deadline: this.now + (who.grants ? this.offerMs : 0) });
        place.state = 'offered';
        for (const instance of place.instances.keys()) this.offers.push({ instance, owner, token: hold.token });
      } else this.#end(owner, true);
    }
    this.step(who);
    return { kind: 'flag', value: mine };
  }

  release(who: ModelCaller, owner: string, mode: LockMode | undefined, token: number | undefined): ModelAnswer {
    const own = this.#own(owner);
    const others = this.#liveOwners().some((other) => other !== owner);
    let kind: 'ok' | 'not_owner' | 'not_held' | 'stale_token' = 'ok';
    if (!own) kind = others ? 'not_owner' : 'not_held';
    else if (mode !== undefined && mode !== own.mode) kind = 'not_held';
    else if (token !== undefined && token !== own.token) kind = 'stale_token';
    else if (this.holds.get(owner)?.confirmed === true) this.#end(owner);
    else delete this.holds.get(owner)?.was;
    this.step(who);
    return { kind };
  }

  renew(who: ModelCaller, owner: string, lease: number, call: string): ModelAnswer {
    const hold = this.holds.get(owner);
    let value: number | undefined;
    if (hold && this.#own(owner)) {
      const held = hold.confirmed ? hold : (hold.was ?? hold);
      value = held.lease = lease === 0 ? held.lease : lease;
      held.deadline = this.now + value;
      if (hold.confirmed) hold.call = call;
    }
    this.step(who);
    return { kind: 'lease', value };
  }

  extend(who: ModelCaller, owner: string, call: string): ModelAnswer {
    const hold = this.#live(owner);
    const value = hold?.call === call && !hold.confirmed;
    if (hold && value) hold.deadline = this.now + (who.grants ? this.offerMs : 0);
    this.step(who);
    return { kind: 'flag', value };
  }

  force(who: ModelCaller): ModelAnswer {
    let ended = 0;
    for (const [owner, hold] of [...this.holds]) {
      if (this.#own(owner)) ended += 1;
      delete hold.was;
      const place = this.places.get(owner);
      this.holds.delete(owner);
      if (place?.state === 'offered') place.state = 'queued';
      if (place?.state === 'confirmed') this.places.delete(owner);
    }
    this.step(who);
    return { kind: 'ended', ended };
  }

  refuse(who: ModelCaller, owner: string, ticket: number): ModelAnswer {
    const place = this.places.get(owner);
    const value = place?.state === 'queued' && place.ticket === ticket;
    if (value) this.places.delete(owner);
    this.step(who);
    return { kind: 'flag', value };
  }

  check(who: ModelCaller, owners: readonly string[]): ModelAnswer {
    this.step(who);
    const states = owners.map((owner) => {
      const place = this.places.get(owner);
      if (place?.instances.has(who.instance) !== true) return 'gone';
      return place.state === 'queued' ? 'queued' : (this.holds.get(owner)?.token ?? 'gone');
    });
    return { kind: 'states', states };
  }

  /** Every script's last part. */
  step(who: ModelCaller): void {
    for (const [owner, hold] of [...this.holds]) if (hold.deadline <= this.now) this.#end(owner);
    if (who.grants) this.#handOver(who);
  }

  /** What must hold after every script that did not stop short. */
  violations(who: ModelCaller): string[] {
    const live = this.#liveOwners().map((owner) => this.holds.get(owner));
    const [head] = this.#queue();
    const found: string[] = [];
    if (live.length > 1 && live.some((hold) => hold?.mode === 'exclusive'))
      found.push('an exclusive hold beside others');
    if (head !== undefined && who.grants && this.#headGrantable(head)) found.push('the head is grantable');
    if (this.#queue().filter((owner) => this.#rank(owner) === 0).length > 1) found.push('two upgraders');
    for (const owner of this.#queue()) {
      const hold = this.holds.get(owner);
      if (hold && !(hold.mode === 'shared' && this.places.get(owner)?.upgrade === true))
        found.push(`${owner} holds and waits`);
    }
    return found;
  }

  /** The head and the deadline at which it may become grantable. */
  wake(): { instances: string[]; at: number } | undefined {
    const [head] = this.#queue();
    const place = head === undefined ? undefined : this.places.get(head);
    if (head === undefined || !place) return undefined;
    const others = this.#liveOwners().filter((owner) => owner !== head);
    const deadlines = others.map((owner) => this.holds.get(owner)?.deadline ?? 0);
    if (deadlines.length === 0) return undefined;
    const refusedByLimit = place.mode === 'shared' && others.every((owner) => this.holds.get(owner)?.mode === 'shared');
    return {
      instances: [...place.instances.keys()],
      at: refusedByLimit ? Math.min(...deadlines) : Math.max(...deadlines),
    };
  }

  #enlist(
    who: ModelCaller,
    owner: string,
    ask: { mode: LockMode; wait: number; limit: number },
    upgrade: boolean,
    ticket: number | undefined,
    again: boolean,
    newTicket: () => number,
  ): ModelAnswer {
    let place = this.places.get(owner);
    if (!place) {
      if (!again && this.#queue().length >= this.maxWaiters) return { kind: 'full' };
      const { mode, limit } = ask;
      place = { mode, limit, ticket: ticket ?? newTicket(), state: 'queued', upgrade, instances: new Map() };
      this.places.set(owner, place);
    }
    const till = Math.max(place.instances.get(who.instance)?.till ?? 0, this.now + ask.wait);
    place.instances.set(who.instance, { epoch: who.epoch, till });
    if (again && who.grants) this.#handOver(who);
    if (place.state === 'offered') return { kind: 'offered', token: this.holds.get(owner)?.token ?? 0 };
    return { kind: 'waiting', ticket: place.ticket, upgrade: place.upgrade };
  }

  #grant(
    owner: string,
    mode: LockMode,
    lease: number,
    call: string,
    partly: boolean,
    deadline: number,
    was: ModelHold['was'],
  ): void {
    this.tokens += 1;
    this.holds.set(owner, {
      mode,
      token: this.tokens,
      lease,
      call,
      confirmed: !partly,
      deadline: partly ? this.now + this.offerMs : deadline,
      ...(partly && was ? { was } : {}),
    });
  }

  /** As part of several it stays unconfirmed; confirmed with the whole of them, it can still be undone. */
  #confirm(who: ModelCaller, owner: string, lease: number, call: string, as: 'single' | 'part' | 'whole'): void {
    const hold = this.holds.get(owner);
    const place = this.places.get(owner);
    if (!hold) return;
    const before = hold.confirmed ? hold.deadline : (hold.was?.deadline ?? 0);
    if (as === 'part' && !hold.confirmed) {
      Object.assign(hold, { call, deadline: this.now + (who.grants ? this.offerMs : 0) });
    } else {
      Object.assign(hold, { deadline: Math.max(before, this.now + lease), lease, call, confirmed: true });
      if (as !== 'whole') delete hold.was;
    }
    if (!place || place.state === 'queued') return;
    place.instances.delete(who.instance);
    place.state = 'confirmed';
    if (place.instances.size === 0) this.places.delete(owner);
  }

  #end(owner: string, undone = false): void {
    const hold = this.holds.get(owner);
    const place = this.places.get(owner);
    if (place && place.state !== 'queued') this.places.delete(owner);
    this.holds.delete(owner);
    if (hold?.was && (undone || !hold.confirmed) && hold.was.deadline > this.now) {
      this.holds.set(owner, { ...hold.was, mode: 'shared', call: '-', confirmed: true });
    }
  }

  #handOver(who: ModelCaller): void {
    this.#endDeadOffers(who);
    for (;;) {
      const [head] = this.#queue();
      const place = head === undefined ? undefined : this.places.get(head);
      if (head === undefined || !place) return;
      if (isDead(place, who.snapshot)) this.places.delete(head);
      else if (!this.#headGrantable(head)) return;
      else this.#offer(head, place);
    }
  }

  /** An offer that nobody is left to confirm is handed on at once where it is the next to end; else when it lapses. */
  #endDeadOffers(who: ModelCaller): void {
    for (;;) {
      if (this.#queue().length === 0) return;
      const [first] = this.#liveOwners().sort(
        (a, b) => (this.holds.get(a)?.deadline ?? 0) - (this.holds.get(b)?.deadline ?? 0) || bytes(a, b),
      );
      const place = first === undefined ? undefined : this.places.get(first);
      if (first === undefined || this.holds.get(first)?.confirmed === true) return;
      if (place?.state !== 'offered' || !isDead(place, who.snapshot)) return;
      this.#end(first);
    }
  }

  #offer(owner: string, place: ModelPlace): void {
    const hold = this.holds.get(owner);
    const was = hold && { token: hold.token, deadline: hold.deadline, lease: hold.lease };
    this.tokens += 1;
    const [token, deadline] = [this.tokens, this.now + this.offerMs];
    this.holds.set(owner, {
      mode: place.mode,
      token,
      lease: this.offerMs,
      call: '-',
      confirmed: false,
      deadline,
      ...(was ? { was } : {}),
    });
    place.state = 'offered';
    for (const instance of place.instances.keys()) this.offers.push({ instance, owner, token });
  }

  #headGrantable(head: string): boolean {
    const place = this.places.get(head);
    if (!place) return false;
    if (this.#rank(head) === 0) return this.#liveOwners().length === 1;
    return this.#grantable(place.mode, place.limit);
  }

  #grantable(mode: LockMode, limit: number): boolean {
    const live = this.#liveOwners();
    if (live.length === 0) return true;
    const shared = live.every((owner) => this.holds.get(owner)?.mode === 'shared');
    return mode === 'shared' && shared && (limit === 0 || live.length < limit);
  }

  #live(owner: string): ModelHold | undefined {
    const hold = this.holds.get(owner);
    return hold && hold.deadline > this.now ? hold : undefined;
  }

  #liveOwners(): string[] {
    return [...this.holds.keys()].filter((owner) => this.#live(owner));
  }

  /** What the owner himself holds: no offer, but the shared hold that an offer would upgrade. */
  #own(owner: string): { mode: LockMode; token: number } | undefined {
    const hold = this.holds.get(owner);
    if (!hold) return undefined;
    if (hold.confirmed) return hold.deadline > this.now ? hold : undefined;
    return hold.was && hold.was.deadline > this.now ? { mode: 'shared', token: hold.was.token } : undefined;
  }

  /** 0 the upgrader, 1 those whose shared hold ended while they waited for their upgrade, 2 everyone else. */
  #rank(owner: string): 0 | 1 | 2 {
    if (this.places.get(owner)?.upgrade !== true) return 2;
    return this.#own(owner) ? 0 : 1;
  }

  #queue(): string[] {
    const ticket = (owner: string) => this.places.get(owner)?.ticket ?? 0;
    return [...this.places]
      .filter(([, place]) => place.state === 'queued')
      .map(([owner]) => owner)
      .sort((a, b) => this.#rank(a) - this.#rank(b) || ticket(a) - ticket(b) || bytes(a, b));
  }
}

function howOf(hold: ModelHold): string {
  return hold.confirmed ? 'joined' : hold.was ? 'upgraded' : 'new';
}

function isDead(place: ModelPlace, { counter, living }: ModelSnapshot): boolean {
  const instances = new Set(living.values());
  return [...place.instances].every(([instance, { epoch }]) => epoch <= counter && !instances.has(instance));
}
