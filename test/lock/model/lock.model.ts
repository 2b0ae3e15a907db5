import type { LockChange, LockMode } from '#lib/lock';
import { isDead, LockState, type ModelHold, type ModelPlace, type ModelSnapshot } from './lock.state.js';

export interface ModelCaller {
  readonly instance: string;
  readonly epoch: number;
  readonly snapshot: ModelSnapshot;
  readonly grants: boolean;
}

export interface ModelAsk {
  readonly mode: LockMode;
  readonly lease: number;
  readonly wait: number;
  readonly limit: number;
  readonly call: string;
  readonly partly: boolean;
}

export type ModelAnswer =
  | { kind: 'granted' | 'joined'; token: number; how: string }
  | { kind: 'waiting'; ticket: number; upgrade: boolean }
  | { kind: 'offered'; token: number }
  | { kind: 'deadlock'; other: string }
  | { kind: 'released'; mode: LockMode }
  | { kind: 'locked' | 'full' | 'gone' | 'left' | 'not_owner' | 'not_held' | 'stale_token' }
  | { kind: 'flag'; value: boolean }
  | { kind: 'ended'; ended: number }
  | { kind: 'lease'; value: number | undefined }
  | { kind: 'states'; states: ('queued' | 'gone' | number)[] }
  | { kind: 'seq'; events: number };

/** What a script tells an instance. */
export type ModelMessage = { instance: string; owner: string } & (
  | { kind: 'lock.offer'; token: number }
  | { kind: 'lock.event'; change: LockChange; mode: LockMode; token: number | undefined; number: number }
  | { kind: 'lock.refused'; ticket: number }
);

/**
 * The lock as its README describes it, as plain data: small, slow and obvious. It is told what time it is, and which
 * ticket a new place was given; everything else it must come to on its own.
 */
export class LockModel extends LockState {
  /** Grants so far. */
  tokens = 0;
  /** Events so far that somebody watched. */
  events = 0;
  /** What the last script told, and how many holds it found to have expired. */
  told: ModelMessage[] = [];
  expired = 0;

  constructor(
    private readonly offerMs: number,
    private readonly maxWaiters: number,
  ) {
    super();
  }

  acquire(
    who: ModelCaller,
    owner: string,
    ask: ModelAsk,
    again: { ticket: number; upgrade: boolean } | undefined,
    newTicket: () => number,
  ): ModelAnswer {
    this.step(who);
    const { mode, lease, wait, call, partly } = ask;
    const hold = this.live(owner);
    const place = this.places.get(owner);
    const queued = place?.state === 'queued';
    if (hold && !hold.confirmed) {
      if (hold.mode !== mode) return { kind: 'locked' };
      const how = hold.was ? 'upgraded' : 'new';
      this.#confirm(who, owner, lease, call, partly ? 'part' : 'single');
      return { kind: 'granted', token: hold.token, how };
    }
    if (hold && partly && (hold.mode === mode || hold.mode === 'exclusive')) {
      return { kind: 'granted', token: hold.token, how: 'held' };
    }
    if (hold && (hold.mode === mode || hold.mode === 'exclusive')) {
      const how = hold.mode === mode ? 'renewed' : 'downgraded';
      Object.assign(hold, { mode, deadline: Math.max(hold.deadline, this.now + lease), lease, call });
      delete hold.was;
      if (how === 'downgraded') {
        this.#event('acquired', owner, hold);
        if (who.grants) this.#handOver(who);
      }
      return { kind: 'granted', token: hold.token, how };
    }
    if (hold) {
      if (this.liveOwners().length === 1 && !queued && who.grants) {
        this.#grant(owner, ask, hold);
        return { kind: 'granted', token: this.tokens, how: 'upgraded' };
      }
      if (wait === 0) return { kind: 'locked' };
      if (!queued) {
        const upgrader = this.queue().find((other) => this.rank(other) === 0);
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
    if (who.grants && this.queue().length === 0 && this.grantable(mode, ask.limit)) {
      this.#grant(owner, ask, undefined);
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
    const hold = this.live(owner);
    let answer: ModelAnswer = { kind: 'gone' };
    if (hold && (token === undefined ? hold.call === call : hold.token === token)) {
      answer = { kind: 'granted', token: hold.token, how: howOf(hold) };
      this.#confirm(who, owner, lease, call, part ? 'part' : token === undefined ? 'whole' : 'single');
    }
    this.step(who);
    return answer;
  }

  leave(who: ModelCaller, owner: string, take: { lease: number; call: string } | undefined): ModelAnswer {
    const hold = this.live(owner);
    const place = this.places.get(owner);
    let answer: ModelAnswer = { kind: 'left' };
    if (place?.instances.has(who.instance) === true) {
      if (take && hold && place.state !== 'queued') {
        answer = { kind: 'granted', token: hold.token, how: howOf(hold) };
        this.#confirm(who, owner, take.lease, take.call, 'single');
      } else {
        place.instances.delete(who.instance);
        if (place.instances.size === 0) {
          if (place.state === 'offered') this.#end(owner, 'released');
          else this.places.delete(owner);
        }
      }
    }
    this.step(who);
    return answer;
  }

  undelivered(who: ModelCaller, owner: string, call: string): ModelAnswer {
    const hold = this.live(owner);
    const place = this.places.get(owner);
    const mine = hold?.call === call;
    if (hold && mine) {
      if (hold.confirmed && place?.state === 'confirmed' && !isDead(place, who.snapshot)) {
        this.#event('released', owner, hold);
        Object.assign(hold, { confirmed: false, call: '-', deadline: this.now + this.offerMs });
        this.#restored(owner, hold);
        place.state = 'offered';
        this.#tellOffer(owner, place, hold.token);
      } else this.#end(owner, 'undone');
    }
    this.step(who);
    return { kind: 'flag', value: mine };
  }

  release(who: ModelCaller, owner: string, mode: LockMode | undefined, token: number | undefined): ModelAnswer {
    const own = this.own(owner);
    const others = this.liveOwners().some((other) => other !== owner);
    let answer: ModelAnswer;
    if (!own) answer = { kind: others ? 'not_owner' : 'not_held' };
    else if (mode !== undefined && mode !== own.mode) answer = { kind: 'not_held' };
    else if (token !== undefined && token !== own.token) answer = { kind: 'stale_token' };
    else {
      answer = { kind: 'released', mode: own.mode };
      const hold = this.holds.get(owner);
      if (hold?.confirmed === true) this.#end(owner, 'released');
      else {
        delete hold?.was;
        this.#event('released', owner, own);
      }
    }
    this.step(who);
    return answer;
  }

  renew(who: ModelCaller, owner: string, lease: number, call: string): ModelAnswer {
    const hold = this.holds.get(owner);
    let value: number | undefined;
    if (hold && this.own(owner)) {
      const held = hold.confirmed ? hold : (hold.was ?? hold);
      value = held.lease = lease === 0 ? held.lease : lease;
      held.deadline = this.now + value;
      if (hold.confirmed) hold.call = call;
    }
    this.step(who);
    return { kind: 'lease', value };
  }

  extend(who: ModelCaller, owner: string, call: string): ModelAnswer {
    const hold = this.live(owner);
    const value = hold?.call === call && !hold.confirmed;
    if (hold && value) hold.deadline = this.now + this.offerMs;
    this.step(who);
    return { kind: 'flag', value };
  }

  force(who: ModelCaller): ModelAnswer {
    let ended = 0;
    for (const owner of [...this.overOwners(), ...this.liveOwners()]) {
      const hold = this.holds.get(owner);
      const own = this.own(owner);
      if (!hold) continue;
      if (own) ended += 1;
      if (!hold.confirmed && hold.was) {
        if (!own) this.expired += 1;
        this.#event(own ? 'released' : 'expired', owner, { mode: 'shared', token: hold.was.token });
      }
      const place = this.places.get(owner);
      delete hold.was;
      if (place?.state === 'offered') {
        place.state = 'queued';
        this.holds.delete(owner);
      } else this.#end(owner, own ? 'released' : 'expired');
    }
    this.step(who);
    return { kind: 'ended', ended };
  }

  refuse(who: ModelCaller, owner: string, ticket: number): ModelAnswer {
    const place = this.places.get(owner);
    const value = place?.state === 'queued' && place.ticket === ticket;
    if (place && value) {
      this.places.delete(owner);
      for (const instance of place.instances.keys()) {
        this.told.push({ kind: 'lock.refused', instance, owner, ticket });
      }
    }
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

  watch(who: ModelCaller, ms: number): ModelAnswer {
    this.step(who);
    this.watchers.delete(who.instance);
    for (const [instance, till] of this.watchers) if (till <= this.now) this.watchers.delete(instance);
    if (ms > 0) this.watchers.set(who.instance, this.now + ms);
    return { kind: 'seq', events: this.events };
  }

  /** Every script's last part. */
  step(who: ModelCaller): void {
    for (const owner of this.overOwners()) this.#end(owner, 'expired');
    if (who.grants) this.#handOver(who);
  }

  /** Redis has lost everything of the lock. */
  lose(): void {
    this.holds.clear();
    this.places.clear();
    this.watchers.clear();
    this.now = 0;
    this.events = 0;
  }

  #enlist(
    who: ModelCaller,
    owner: string,
    ask: ModelAsk,
    upgrade: boolean,
    ticket: number | undefined,
    again: boolean,
    newTicket: () => number,
  ): ModelAnswer {
    let place = this.places.get(owner);
    const enlisted = place !== undefined;
    if (!place) {
      if (!again && this.queue().length >= this.maxWaiters) return { kind: 'full' };
      const { mode, limit } = ask;
      const state = 'queued';
      place = { mode, limit, ticket: ticket ?? newTicket(), state, upgrade, since: this.now, instances: new Map() };
      this.places.set(owner, place);
    }
    const till = Math.max(place.instances.get(who.instance)?.till ?? 0, this.now + ask.wait);
    place.instances.set(who.instance, { epoch: who.epoch, till });
    if (!enlisted) this.#event('waiting', owner, { mode: place.mode });
    if (again && who.grants) this.#handOver(who);
    if (place.state === 'offered') return { kind: 'offered', token: this.holds.get(owner)?.token ?? 0 };
    return { kind: 'waiting', ticket: place.ticket, upgrade: place.upgrade };
  }

  #grant(owner: string, { mode, lease, call, partly }: ModelAsk, before: ModelHold | undefined): void {
    this.tokens += 1;
    const hold: ModelHold = {
      mode,
      token: this.tokens,
      lease,
      call,
      confirmed: !partly,
      deadline: partly ? this.now + this.offerMs : Math.max(before?.deadline ?? 0, this.now + lease),
      ...(partly && before ? { was: shareOf(before) } : {}),
    };
    this.holds.set(owner, hold);
    if (!partly) this.#event('acquired', owner, hold);
  }

  /** As part of several it stays unconfirmed; confirmed with the whole of them, it can still be undone. */
  #confirm(who: ModelCaller, owner: string, lease: number, call: string, as: 'single' | 'part' | 'whole'): void {
    const hold = this.holds.get(owner);
    const place = this.places.get(owner);
    if (!hold) return;
    const first = !hold.confirmed;
    const before = first ? (hold.was?.deadline ?? 0) : hold.deadline;
    if (as === 'part' && first) {
      Object.assign(hold, { call, deadline: this.now + this.offerMs });
    } else {
      Object.assign(hold, { deadline: Math.max(before, this.now + lease), lease, call, confirmed: true });
      if (as !== 'whole') delete hold.was;
      if (first) this.#event('acquired', owner, hold);
    }
    if (!place || place.state === 'queued') return;
    place.instances.delete(who.instance);
    place.state = 'confirmed';
    if (place.instances.size === 0) this.places.delete(owner);
  }

  #end(owner: string, how: 'expired' | 'released' | 'undone'): void {
    const hold = this.holds.get(owner);
    const place = this.places.get(owner);
    if (place && place.state !== 'queued') this.places.delete(owner);
    this.holds.delete(owner);
    if (!hold) return;
    const { was, confirmed } = hold;
    if (was && (how === 'undone' || !confirmed) && was.deadline > this.now) {
      this.holds.set(owner, { ...was, mode: 'shared', call: '-', confirmed: true });
      if (confirmed) this.#restored(owner, hold);
    } else if (confirmed || was) {
      // Of an upgrade that nobody confirmed, only the shared hold before it was ever known.
      const known = confirmed ? hold : { mode: 'shared' as const, token: was?.token };
      const change = how === 'expired' || !confirmed ? 'expired' : 'released';
      if (change === 'expired') this.expired += 1;
      this.#event(change, owner, known);
    }
  }

  /** Those who saw an upgrade see that it was undone. */
  #restored(owner: string, { was }: ModelHold): void {
    if (was && was.deadline > this.now) this.#event('acquired', owner, { mode: 'shared', token: was.token });
  }

  #handOver(who: ModelCaller): void {
    this.#endDeadOffers(who);
    for (;;) {
      const [head] = this.queue();
      const place = head === undefined ? undefined : this.places.get(head);
      if (head === undefined || !place) return;
      if (isDead(place, who.snapshot)) this.places.delete(head);
      else if (!this.headGrantable(head)) return;
      else this.#offer(head, place);
    }
  }

  /** An offer that nobody is left to confirm is handed on at once where it is the next to end; else when it lapses. */
  #endDeadOffers(who: ModelCaller): void {
    for (;;) {
      if (this.queue().length === 0) return;
      const [first] = this.liveOwners();
      const place = first === undefined ? undefined : this.places.get(first);
      if (first === undefined || this.holds.get(first)?.confirmed === true) return;
      if (place?.state !== 'offered' || !isDead(place, who.snapshot)) return;
      this.#end(first, 'expired');
    }
  }

  #offer(owner: string, place: ModelPlace): void {
    const hold = this.holds.get(owner);
    this.tokens += 1;
    this.holds.set(owner, {
      mode: place.mode,
      token: this.tokens,
      lease: this.offerMs,
      call: '-',
      confirmed: false,
      deadline: this.now + this.offerMs,
      ...(hold ? { was: shareOf(hold) } : {}),
    });
    place.state = 'offered';
    this.#tellOffer(owner, place, this.tokens);
  }

  #tellOffer(owner: string, { instances }: ModelPlace, token: number): void {
    for (const instance of instances.keys()) this.told.push({ kind: 'lock.offer', instance, owner, token });
  }

  #event(change: LockChange, owner: string, { mode, token }: { mode: LockMode; token?: number | undefined }): void {
    if (Math.max(0, ...this.watchers.values()) <= this.now) return;
    this.events += 1;
    for (const instance of this.watchers.keys()) {
      this.told.push({ kind: 'lock.event', instance, owner, change, mode, token, number: this.events });
    }
  }
}

function shareOf({ token, deadline, lease }: ModelHold): NonNullable<ModelHold['was']> {
  return { token, deadline, lease };
}

function howOf(hold: ModelHold): string {
  return hold.confirmed ? 'joined' : hold.was ? 'upgraded' : 'new';
}
