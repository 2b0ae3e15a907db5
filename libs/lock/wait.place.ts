import { performance } from 'node:perf_hooks';
import { RedisUnavailable } from '#lib/redis';
import type { Confirmed, LockStore, Place } from './lock.store.js';
import type { AcquireRequest, CycleEntry } from './lock.types.js';
import { Grant } from './wait.grant.js';

export type Outcome =
  | {
      readonly kind: 'granted';
      readonly grant: Grant;
      /** Part of several: the owner held it before, and nothing was changed yet. */
      readonly held: boolean;
      readonly waitedMs: number | undefined;
    }
  | NotGranted
  /** The caller no longer wanted it. */
  | { readonly kind: 'gone' };

export type NotGranted =
  | { readonly kind: 'locked' | 'timeout' | 'too_many_waiters' }
  | { readonly kind: 'deadlock'; readonly cycle: CycleEntry[] };

/** A call of acquire that may wait. */
interface Waiter {
  readonly request: AcquireRequest;
  readonly leaseMs: number;
  /** The call that takes several locks, if this is one of them. */
  readonly part: string | undefined;
  /** Monotonic, ms. */
  readonly arrivedAt: number;
  readonly until: number;
  readonly settle: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
  settled: boolean;
}

/**
 * This process's part of one place: the connections of one owner that wait here for one lock. What is asked of Redis for
 * it is asked one after the other, so that no answer meets a state that it does not belong to.
 */
export class WaitingPlace {
  /** Those for whom Redis has given a place. */
  readonly #waiters = new Set<Waiter>();
  #place: Place | undefined;
  #request: AcquireRequest | undefined;
  #offer: number | undefined;
  /** A confirmation was not answered: the hold may exist although its place does not. */
  #uncertain = false;
  #dismissal: ((mayHaveTakenEffect: boolean) => Error) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  constructor(
    private readonly name: string,
    private readonly owner: string,
    private readonly store: LockStore,
    private readonly newCall: () => string,
    private readonly onEmpty: (place: WaitingPlace) => void,
    /** Redis may have a place for which nobody waits here: the answer about it was lost. */
    private readonly onAbandoned: () => void,
  ) {}

  /** Whether Redis has given a place for which connections wait here. */
  get waits(): boolean {
    return this.#place !== undefined && this.#waiters.size > 0;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Since when the oldest connection waits, monotonic ms. */
  get since(): number {
    return Math.min(...[...this.#waiters].map(({ arrivedAt }) => arrivedAt));
  }

  /**
   * Asks for the lock and waits for it.
   * @param gone aborted when the caller no longer wants it
   * @param part id of the call that takes several locks, of which this is one
   * @throws RedisUnavailable
   */
  async acquire(
    request: AcquireRequest,
    leaseMs: number,
    waitMs: number,
    arrivedAt: number,
    gone: AbortSignal | undefined,
    part?: string,
  ): Promise<Outcome> {
    return await new Promise<Outcome>((resolve, reject) => {
      const timer = setTimeout(() => void this.#then(() => this.#timeOut(waiter)), waitMs);
      const onGone = () => void this.#then(() => this.#giveUp(waiter));
      const end = () => {
        waiter.settled = true;
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        gone?.removeEventListener('abort', onGone);
      };
      const waiter: Waiter = {
        request,
        leaseMs,
        part,
        arrivedAt,
        until: arrivedAt + waitMs,
        settled: false,
        settle: (outcome) => {
          end();
          resolve(outcome);
        },
        fail: (error) => {
          end();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      void this.#then(() => this.#enter(waiter, gone));
      gone?.addEventListener('abort', onGone);
    });
  }

  /** Redis offers the lock. It may say so before it has answered that there is a place. */
  offered(token: number): void {
    this.#offer = token;
    if (this.#place) void this.#then(() => this.#confirm());
  }

  /** The place is gone in Redis: it is enlisted again under its ticket. */
  lost(): void {
    void this.#then(() => this.#enlistAgain());
  }

  /** The place was given up to end a deadlock. */
  refused(ticket: number, cycle: CycleEntry[]): void {
    void this.#then(() => {
      if (this.#place?.ticket !== ticket) return Promise.resolve();
      this.#settleAll({ kind: 'deadlock', cycle });
      return Promise.resolve();
    });
  }

  /** Lets everyone go, because this process stops. */
  dismiss(reason: (mayHaveTakenEffect: boolean) => Error): void {
    this.#dismissal = reason;
    void this.#then(async () => {
      if (this.#waiters.size === 0) return;
      let uncertain = this.#uncertain;
      await this.store.leave(this.name, this.owner).catch(() => {
        uncertain = true;
      });
      this.#place = undefined;
      for (const waiter of [...this.#waiters]) waiter.fail(reason(uncertain));
    });
  }

  /** Runs what asks Redis after all that was begun before. */
  #then(action: () => Promise<void>): Promise<void> {
    this.#pending += 1;
    const done = this.#last.then(action).catch((error: unknown) => {
      for (const waiter of [...this.#waiters]) waiter.fail(error);
    });
    this.#last = done.then(() => {
      this.#pending -= 1;
      if (this.#pending === 0 && this.#waiters.size === 0) this.onEmpty(this);
    });
    return done;
  }

  async #enter(waiter: Waiter, gone: AbortSignal | undefined): Promise<void> {
    if (gone?.aborted === true) {
      waiter.settle({ kind: 'gone' });
      return;
    }
    if (this.#dismissal) {
      waiter.fail(this.#dismissal(false));
      return;
    }
    const { request, leaseMs, part } = waiter;
    const call = part ?? this.newCall();
    const waitMs = Math.max(1, waiter.until - performance.now());
    // What was offered for an earlier place says nothing about this one.
    if (!this.#place) this.#offer = undefined;
    let result;
    try {
      result = await this.store.acquire({ ...request, leaseMs, waitMs, call, partly: part !== undefined });
    } catch (error) {
      waiter.fail(error);
      if (error instanceof RedisUnavailable && error.mayHaveTakenEffect) this.onAbandoned();
      return;
    }
    switch (result.kind) {
      case 'granted':
        waiter.settle({
          kind: 'granted',
          grant: this.#grant(result, call, 1),
          held: result.how === 'held',
          waitedMs: undefined,
        });
        break;
      case 'waiting':
        this.#waiters.add(waiter);
        this.#place = { ticket: result.ticket, upgrade: result.upgrade };
        this.#request = request;
        if (this.#offer !== undefined) await this.#confirm();
        break;
      case 'offered':
        waiter.fail(new Error('only a place that is enlisted again is answered with an offer'));
        break;
      case 'deadlock':
        waiter.settle({ kind: 'deadlock', cycle: upgradeCycle(request, result.other) });
        break;
      default:
        waiter.settle({ kind: result.kind === 'full' ? 'too_many_waiters' : 'locked' });
    }
  }

  async #confirm(): Promise<void> {
    const token = this.#offer;
    this.#offer = undefined;
    if (token === undefined || this.#waiters.size === 0) return;
    const part = this.#part();
    const call = part ?? this.newCall();
    const sentAt = performance.now();
    const leaseMs = Math.max(...[...this.#waiters].map((waiter) => waiter.leaseMs));
    let result;
    try {
      result = await this.store.confirm(this.name, this.owner, token, leaseMs, call, part !== undefined);
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      // Nothing is sent again; the slow check finds out what has become of it.
      this.#uncertain ||= error.mayHaveTakenEffect;
      return;
    }
    if (result) this.#deliver(result, call, sentAt);
    else await this.#enlistAgain();
  }

  /** Tells everyone who waits here; the client of each may be gone by now. */
  #deliver(result: Confirmed, call: string, sentAt: number): void {
    const waiters = [...this.#waiters];
    this.#place = undefined;
    this.#uncertain = false;
    const grant = this.#grant(result, call, waiters.length);
    for (const waiter of waiters) {
      waiter.settle({ kind: 'granted', grant, held: false, waitedMs: sentAt - waiter.arrivedAt });
    }
  }

  /** The one call that takes several, if only that one waits here: what it is offered stays unconfirmed. */
  #part(): string | undefined {
    const parts = new Set([...this.#waiters].map(({ part }) => part));
    return parts.size === 1 ? [...parts][0] : undefined;
  }

  #grant(result: { token: number; how: string }, call: string, tellers: number): Grant {
    return new Grant(result.token, result.how === 'new', tellers, () => {
      void this.store.undelivered(this.name, this.owner, call).catch(() => undefined);
    });
  }

  async #enlistAgain(): Promise<void> {
    const [first] = this.#waiters;
    const { name, owner } = this;
    if (!first || !this.#place || !this.#request) return;
    const part = this.#part();
    const call = part ?? this.newCall();
    const sentAt = performance.now();
    const waitMs = Math.max(1, Math.max(...[...this.#waiters].map(({ until }) => until)) - sentAt);
    const { mode, limit } = this.#request;
    const { leaseMs } = first;
    let result;
    try {
      const partly = part !== undefined;
      result = await this.store.acquire({
        name,
        owner,
        mode,
        limit,
        leaseMs,
        waitMs,
        call,
        partly,
        again: this.#place,
      });
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      this.#uncertain ||= error.mayHaveTakenEffect;
      return;
    }
    switch (result.kind) {
      case 'granted':
        this.#deliver(
          { kind: 'granted', token: result.token, how: result.how === 'new' ? 'new' : 'joined' },
          call,
          sentAt,
        );
        break;
      case 'waiting':
        this.#uncertain = false;
        this.#place = { ticket: result.ticket, upgrade: result.upgrade };
        break;
      case 'offered':
        this.#offer = result.token;
        await this.#confirm();
        break;
      case 'deadlock':
        this.#settleAll({ kind: 'deadlock', cycle: upgradeCycle(this.#request, result.other) });
        break;
      default:
        this.#settleAll({ kind: 'locked' });
    }
  }

  /** `timeout` is answered only after LEAVE, which takes an offer that is already there. */
  async #timeOut(waiter: Waiter): Promise<void> {
    if (waiter.settled) return;
    if (this.#waiters.size > 1) {
      waiter.settle({ kind: 'timeout' });
      return;
    }
    const call = this.newCall();
    const sentAt = performance.now();
    // Of several, what comes too late for the others is handed on.
    const take = waiter.part === undefined ? { leaseMs: waiter.leaseMs, call } : undefined;
    let result;
    try {
      result = await this.store.leave(this.name, this.owner, take);
    } catch (error) {
      // The place stands, and what it is offered is the owner's if he asks elsewhere.
      waiter.fail(
        error instanceof RedisUnavailable ? new RedisUnavailable(error.message, true, { cause: error }) : error,
      );
      this.#place = undefined;
      this.onAbandoned();
      return;
    }
    if (result) this.#deliver(result, call, sentAt);
    else if (this.#uncertain) waiter.fail(new RedisUnavailable('Redis did not answer in time', true));
    else waiter.settle({ kind: 'timeout' });
    this.#place = undefined;
    this.#offer = undefined;
  }

  async #giveUp(waiter: Waiter): Promise<void> {
    if (waiter.settled) return;
    waiter.settle({ kind: 'gone' });
    if (this.#waiters.size > 0 || !this.#place) return;
    this.#place = undefined;
    this.#offer = undefined;
    await this.store.leave(this.name, this.owner).catch(() => {
      this.onAbandoned();
    });
  }

  #settleAll(outcome: Outcome): void {
    this.#place = undefined;
    for (const waiter of [...this.#waiters]) waiter.settle(outcome);
  }
}

/** Two upgraders of one lock wait for each other; the younger is told so at once. */
function upgradeCycle({ name, owner }: AcquireRequest, other: string): CycleEntry[] {
  return [
    { owner, waitsFor: name },
    { owner: other, waitsFor: name },
  ];
}
