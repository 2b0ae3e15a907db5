import type { RedisArgument } from '#lib/redis';
import type { LockKeys } from './lock.keys.js';
import type { Send } from './lock.listing.js';
import { scripts, type InspectAnswer, type LockScript } from './lock.scripts.js';
import type { CycleEntry, LockMode, LockView } from './lock.types.js';

/** As whom, and with what knowledge of the others, scripts are called. */
export interface Caller {
  readonly instance: string;
  readonly nodeId: string;
  /** @throws RedisUnavailable while this process has no epoch */
  epoch(): number;
  snapshot(): string;
  /** The highest fencing token that any process is known to have seen. */
  floor(): number;
  /** Whether locks may be handed on; not while holds may have been lost. */
  grants(): boolean;
}

/** What every script answers about the step in it. */
export interface Stepped {
  readonly name: string;
  /** Redis's time, ms. */
  readonly time: number;
  /** Step again after so many ms; undefined if this process needs no timer. */
  readonly wakeMs: number | undefined;
  /** The step stopped short: step again at once. */
  readonly more: boolean;
  readonly expired: number;
}

export interface Place {
  readonly ticket: number;
  /** Whether the wait began as an upgrade of a shared hold. */
  readonly upgrade: boolean;
}

export interface AcquireCall {
  readonly name: string;
  readonly owner: string;
  readonly mode: LockMode;
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly limit?: number | undefined;
  /** Id of this call; holds remember which call touched them last. */
  readonly call: string;
  /** A place to be enlisted again. */
  readonly again?: Place | undefined;
  /** The hold is part of several and stays unconfirmed. */
  readonly partly?: boolean;
}

type GrantedHow = 'new' | 'renewed' | 'upgraded' | 'downgraded' | 'held';

export type AcquireResult =
  | { readonly kind: 'granted'; readonly token: number; readonly how: GrantedHow }
  | ({ readonly kind: 'waiting' } & Place)
  | { readonly kind: 'offered'; readonly token: number }
  | { readonly kind: 'locked' | 'full' }
  | { readonly kind: 'deadlock'; readonly other: string };

export interface Confirmed {
  readonly kind: 'granted';
  readonly token: number;
  readonly how: 'new' | 'upgraded' | 'joined';
}

/** Who holds a lock, and who waits for it in which order; at most {@link GRAPH_SIZE} of each. */
export interface LockGraph {
  holdersCount: number;
  waitersCount: number;
  readonly holders: { owner: string; mode: LockMode; token: number; firm: boolean }[];
  readonly waiters: { owner: string; mode: LockMode; ticket: number; limit: number; upgrades: boolean }[];
}

const MOST_LISTED = 1000;
/** Beyond so many holders a wait counts as not stuck. */
export const GRAPH_SIZE = 200;
const FORCED_AT_ONCE = 500;
const codeOf = (mode: LockMode) => (mode === 'exclusive' ? 'x' : 's');
const modeOf = (code: string | undefined): LockMode => (code === 'x' ? 'exclusive' : 'shared');

/** The scripts of a lock as calls. Knows keys, arguments and answers; decides nothing. */
export class LockStore {
  #said: { readonly snapshot: string; readonly grants: boolean; readonly text: string } | undefined;

  constructor(
    private readonly send: Send,
    private readonly keys: LockKeys,
    private readonly channel: string,
    private readonly caller: Caller,
    private readonly bounds: { readonly LOCK_OFFER_MS: number; readonly LOCK_MAX_WAITERS: number },
    private readonly onStepped: (stepped: Stepped) => void,
  ) {}

  async acquire(call: AcquireCall): Promise<AcquireResult> {
    const { name, owner, mode, leaseMs, waitMs, limit = 0, again, partly = false } = call;
    const epoch = this.caller.epoch();
    const args: RedisArgument[] = [owner, codeOf(mode), leaseMs, call.call];
    // Most calls have none of these.
    if (waitMs > 0 || limit > 0 || again || partly) {
      args.push(Math.ceil(waitMs), limit, epoch, again?.ticket ?? 0, again?.upgrade === true ? 1 : 0, partly ? 1 : 0);
    }
    const answer = await this.#run(scripts.acquire, name, args);
    switch (answer[0]) {
      case 'granted':
        return { kind: answer[0], token: answer[1], how: answer[2] };
      case 'waiting':
        return { kind: answer[0], ticket: answer[1], upgrade: answer[2] === 1 };
      case 'offered':
        return { kind: answer[0], token: answer[1] };
      case 'deadlock':
        return { kind: answer[0], other: answer[1] };
      default:
        return { kind: answer[0] };
    }
  }

  /**
   * Takes an offer, with its token, or this call's part of an acquisition of several.
   * @param part the offer is taken as part of several, and stays unconfirmed
   * @returns undefined where it is gone
   */
  async confirm(
    name: string,
    owner: string,
    token: number | undefined,
    leaseMs: number,
    call: string,
    part = false,
  ): Promise<Confirmed | undefined> {
    return granted(await this.#run(scripts.confirm, name, [owner, token ?? '', leaseMs, call, part ? 1 : 0]));
  }

  /** Gives up this process's part of a place. An offer that is there is taken, or handed on if `take` is not given. */
  async leave(name: string, owner: string, take?: { leaseMs: number; call: string }): Promise<Confirmed | undefined> {
    const args = take ? [1, take.leaseMs, take.call] : [0, 0, '-'];
    return granted(await this.#run(scripts.leave, name, [owner, ...args]));
  }

  /** Takes back a new hold whose client never heard of it. @returns false where another call touched it since */
  async undelivered(name: string, owner: string, call: string): Promise<boolean> {
    const [ended] = await this.#run(scripts.undelivered, name, [owner, call]);
    return ended === 1;
  }

  async release(
    name: string,
    owner: string,
    mode: LockMode | undefined,
    token: number | undefined,
  ): Promise<{ code: 'ok'; heldMs: number; mode: LockMode } | { code: 'not_owner' | 'not_held' | 'stale_token' }> {
    const believed = mode === undefined && token === undefined ? [] : [mode ? codeOf(mode) : '', token ?? ''];
    const answer = await this.#run(scripts.release, name, [owner, ...believed]);
    if (answer[0] !== 'ok') return { code: answer[0] };
    return { code: 'ok', heldMs: answer[1], mode: modeOf(answer[2]) };
  }

  /** @returns the lease from now on, ms; undefined where the owner does not hold it */
  async renew(name: string, owner: string, leaseMs: number | undefined, call: string): Promise<number | undefined> {
    const [lease] = await this.#run(scripts.renew, name, [owner, leaseMs ?? 0, call]);
    return lease < 0 ? undefined : lease;
  }

  async extend(name: string, owner: string, call: string): Promise<boolean> {
    const [there] = await this.#run(scripts.extend, name, [owner, call]);
    return there === 1;
  }

  /** A step. @returns of each owner's place here: whether it is queued, the token of its offer, or that it is gone */
  async check(name: string, owners: readonly string[]): Promise<('queued' | 'gone' | number)[]> {
    const [states] = await this.#run(scripts.check, name, [...owners]);
    return states.map((state) => (state === 'q' ? 'queued' : state === '-' ? 'gone' : state));
  }

  /** @param most holders and waiters that are listed, each */
  async inspect(name: string, most = MOST_LISTED): Promise<LockView> {
    const answer = await this.#run(scripts.inspect, name, [most]);
    return viewOf(name, answer);
  }

  /** Hears the events of the lock for so many ms, 0 for no longer. @returns how it stands */
  async watch(name: string, ms: number): Promise<{ view: LockView; seq: number }> {
    const answer = await this.#run(scripts.watch, name, [ms, MOST_LISTED]);
    return { view: viewOf(name, answer), seq: answer[6] };
  }

  /**
   * Ends holds whoever has them, some at a time.
   * @param bound of the first answer, for those that follow; undefined for the first
   */
  async force(name: string, bound: number | undefined): Promise<{ ended: number; bound: number; left: boolean }> {
    const [ended, token, left] = await this.#run(scripts.force, name, [FORCED_AT_ONCE, bound ?? '']);
    return { ended, bound: token, left: left === 1 };
  }

  async graph(name: string): Promise<LockGraph> {
    const [holdersCount, waitersCount, holders, waiters] = await this.#run(scripts.graph, name, [GRAPH_SIZE]);
    const graph: LockGraph = { holdersCount, waitersCount, holders: [], waiters: [] };
    for (const [owner = '', mode, token, firm] of inGroups(holders, 4)) {
      graph.holders.push({ owner, mode: modeOf(mode), token: Number(token), firm: firm === '1' });
    }
    for (const [owner = '', mode, ticket, limit, upgrades] of inGroups(waiters, 5)) {
      graph.waiters.push({
        owner,
        mode: modeOf(mode),
        ticket: Number(ticket),
        limit: Number(limit),
        upgrades: upgrades === '1',
      });
    }
    return graph;
  }

  /** Takes a place away to end a deadlock. @returns whether it was still there under that ticket */
  async refuse(name: string, owner: string, ticket: number, cycle: CycleEntry[]): Promise<boolean> {
    const [done] = await this.#run(scripts.refuse, name, [owner, ticket, JSON.stringify(cycle)]);
    return done === 1;
  }

  async #run<Rest extends unknown[]>(
    { script, joins }: LockScript<Rest>,
    name: string,
    args: RedisArgument[],
  ): Promise<Rest> {
    const answer = await this.send(
      script,
      [this.keys.of(name)],
      [this.#context(), this.caller.floor(), ...args],
      joins,
    );
    const [step, ...rest] = answer;
    const [time, wake, more, expired] = typeof step === 'number' ? [step, -1, 0, 0] : step;
    this.onStepped({ name, time, wakeMs: wake < 0 ? undefined : wake, more: more === 1, expired });
    return rest as Rest;
  }

  /** What this process says of itself with each call, and changes seldom (`context_of` in the scripts). */
  #context(): string {
    const { caller, bounds } = this;
    const [snapshot, grants] = [caller.snapshot(), caller.grants()];
    if (this.#said?.snapshot !== snapshot || this.#said.grants !== grants) {
      const offerMs = grants ? bounds.LOCK_OFFER_MS : -bounds.LOCK_OFFER_MS;
      const words = [snapshot, offerMs, this.channel, caller.instance, caller.nodeId, bounds.LOCK_MAX_WAITERS];
      this.#said = { snapshot, grants, text: JSON.stringify(words) };
    }
    return this.#said.text;
  }
}

function granted([code, token, how]: [string, number?, Confirmed['how']?]): Confirmed | undefined {
  return code === 'granted' && token !== undefined && how !== undefined ? { kind: code, token, how } : undefined;
}

function viewOf(name: string, [mode, token, holdersCount, waitersCount, holders, waiters]: InspectAnswer): LockView {
  const view: LockView = {
    name,
    mode: mode === '' ? null : modeOf(mode),
    token: token === 0 ? null : token,
    holders: [],
    waiters: [],
    holdersCount,
    waitersCount,
  };
  for (const [owner = '', held, hold, expires] of inGroups(holders, 4)) {
    view.holders.push({ owner, mode: modeOf(held), token: Number(hold), expiresInMs: Number(expires) });
  }
  for (const [owner = '', asked, node = '', waiting] of inGroups(waiters, 4)) {
    view.waiters.push({ owner, mode: modeOf(asked), node, waitingMs: Number(waiting) });
  }
  return view;
}

function inGroups(words: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.floor(words.length / size) }, (_, i) => words.slice(i * size, (i + 1) * size));
}
