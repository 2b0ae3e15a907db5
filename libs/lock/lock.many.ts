import { performance } from 'node:perf_hooks';
import { RedisUnavailable } from '#lib/redis';
import type { LockStore } from './lock.store.js';
import type { LockMode } from './lock.types.js';
import { Grant } from './wait.grant.js';
import type { NotGranted, Outcome } from './wait.place.js';
import type { WaitingRoom } from './wait.room.js';

export interface WantedLock {
  readonly name: string;
  readonly mode: LockMode;
  readonly limit?: number;
}

export interface ManyRequest {
  readonly locks: readonly WantedLock[];
  readonly owner: string;
  readonly leaseMs: number;
  readonly waitMs: number;
  /** Monotonic, ms. */
  readonly arrivedAt: number;
  readonly gone: AbortSignal | undefined;
}

export type ManyOutcome =
  | {
      readonly kind: 'granted';
      readonly tokens: Map<string, number>;
      readonly waitedMs: number | undefined;
      /** Gives back what was newly taken. */
      readonly undo: () => Promise<void>;
    }
  | { readonly kind: 'refused'; readonly name: string; readonly outcome: NotGranted }
  /** The caller no longer wants them. */
  | Gone;

interface Gone {
  readonly kind: 'gone';
}

type Attempt = ManyOutcome | { readonly kind: 'lost'; readonly name: string };

/** Several locks for one owner, all or none (README.md "acquire-many"). */
export class ManyLocks {
  constructor(
    private readonly store: LockStore,
    private readonly room: WaitingRoom,
    private readonly newCall: () => string,
    /** How long what was taken stands unless extended, ms. */
    private readonly offerMs: number,
  ) {}

  /** @throws RedisUnavailable */
  async acquire(request: ManyRequest): Promise<ManyOutcome> {
    const until = request.arrivedAt + request.waitMs;
    // Everyone takes them in the same order, so that most deadlocks never come about.
    const locks = [...request.locks].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    for (;;) {
      const result = await this.#attempt(request, locks, until);
      if (result.kind !== 'lost') return result;
      if (performance.now() >= until || request.gone?.aborted === true) {
        const outcome = { kind: request.waitMs === 0 ? 'locked' : 'timeout' } as const;
        return { kind: 'refused', name: result.name, outcome };
      }
    }
  }

  async #attempt(request: ManyRequest, locks: readonly WantedLock[], until: number): Promise<Attempt> {
    const { owner, leaseMs } = request;
    const call = this.newCall();
    const taken: string[] = [];
    const undo = async () => {
      await Promise.all(taken.map((name) => this.store.undelivered(name, owner, call)));
    };
    // What is lost meanwhile is found out at the end.
    const keeper = setInterval(() => {
      for (const name of taken) void this.store.extend(name, owner, call).catch(() => undefined);
    }, this.offerMs / 4);
    let done = false;
    try {
      const had: WantedLock[] = [];
      let waited = false;
      for (const lock of locks) {
        const outcome = await this.#take(lock, request, until, call);
        if (outcome.kind === 'gone') return outcome;
        if (outcome.kind !== 'granted') return { kind: 'refused', name: lock.name, outcome };
        waited ||= outcome.waitedMs !== undefined;
        if (outcome.held) had.push(lock);
        else taken.push(lock.name);
      }
      clearInterval(keeper);
      const sentAt = performance.now();
      const tokens = new Map<string, number>();
      const lost =
        (await this.#confirm(taken, owner, leaseMs, call, tokens)) ??
        (await this.#renew(had, request, call, tokens, taken));
      if (lost !== undefined) {
        // Some are confirmed by now and stand for their lease: where they cannot be given back, the caller is told so.
        await undo();
        done = true;
        return { kind: 'lost', name: lost };
      }
      if (request.gone?.aborted === true) return { kind: 'gone' };
      done = true;
      return { kind: 'granted', tokens, waitedMs: waited ? sentAt - request.arrivedAt : undefined, undo };
    } catch (error) {
      if (!(error instanceof RedisUnavailable) || taken.length === 0) throw error;
      throw new RedisUnavailable(error.message, true, { cause: error });
    } finally {
      clearInterval(keeper);
      // What cannot be given back now lapses by itself.
      if (!done) await undo().catch(() => undefined);
    }
  }

  async #take(
    { name, mode, limit }: WantedLock,
    { owner, leaseMs, waitMs, gone }: ManyRequest,
    until: number,
    call: string,
  ): Promise<Outcome> {
    const now = performance.now();
    const request = { name, owner, mode, ...(limit === undefined ? {} : { limit }) };
    if (waitMs > 0 && now < until) return await this.room.acquire(request, leaseMs, until - now, now, gone, call);
    if (waitMs > 0) return { kind: 'timeout' };
    const result = await this.store.acquire({ ...request, leaseMs, waitMs: 0, call, partly: true });
    if (result.kind !== 'granted') return { kind: result.kind === 'full' ? 'too_many_waiters' : 'locked' };
    const grant = new Grant(result.token, false, 1, () => undefined);
    return { kind: 'granted', grant, held: result.how === 'held', waitedMs: undefined };
  }

  /** @returns a lock whose part is gone */
  async #confirm(
    names: readonly string[],
    owner: string,
    leaseMs: number,
    call: string,
    tokens: Map<string, number>,
  ): Promise<string | undefined> {
    const results = await Promise.all(names.map((name) => this.store.confirm(name, owner, undefined, leaseMs, call)));
    names.forEach((name, index) => {
      const result = results[index];
      if (result) tokens.set(name, result.token);
    });
    return names.find((name) => !tokens.has(name));
  }

  /** Renewals and downgrades of what the owner had before, which cannot be undone. @returns a lock that is gone */
  async #renew(
    locks: readonly WantedLock[],
    { owner, leaseMs }: ManyRequest,
    call: string,
    tokens: Map<string, number>,
    taken: string[],
  ): Promise<string | undefined> {
    for (const { name, mode, limit } of locks) {
      const result = await this.store.acquire({ name, owner, mode, limit, leaseMs, waitMs: 0, call });
      if (result.kind !== 'granted') return name;
      if (result.how === 'new') taken.push(name);
      tokens.set(name, result.token);
    }
    return undefined;
  }
}
