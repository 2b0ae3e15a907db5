import type { Incidents } from '../round.js';
import { CLOCK_MS, RECOVERY_MS, SHARED_MS } from './bounds.js';
import { asks, byName, byOwner, grantsOf, modeIn, type Call, type History, type Mode } from './history.js';

/** A time in which an owner certainly holds a lock, as he may count it himself. */
export interface Hold {
  readonly owner: string;
  readonly name: string;
  readonly mode: Mode;
  readonly token: number;
  /** The call that granted or renewed it. */
  readonly by: Call;
  readonly from: number;
  /** When its lease is over, counted from when the call was sent. */
  readonly until: number;
  readonly leaseMs: number;
  /** The call that ended it or may have; from when it began nothing is certain. */
  readonly ended: Call | undefined;
  readonly to: number;
}

/** All certain holds of a history. An owner makes one call at a time; what is unclear may take effect at any later time. */
export function certainHolds(history: History, incidents: Incidents): Hold[] {
  const holds: Hold[] = [];
  for (const [name, calls] of byName(history)) {
    for (const [owner, own] of byOwner(calls)) holds.push(...new Owner(owner, name, incidents).follow(own));
  }
  return holds;
}

/** One owner of one lock, followed call by call. */
class Owner {
  readonly #holds: Hold[] = [];
  readonly #unclear: Call[] = [];
  #last: Hold | undefined;

  constructor(
    private readonly owner: string,
    private readonly name: string,
    private readonly incidents: Incidents,
  ) {}

  follow(calls: readonly Call[]): readonly Hold[] {
    for (const call of calls) {
      if (call.outcome === 'unclear') this.#doubt(call);
      else if (call.outcome === 'answered') this.#answered(call);
    }
    return this.#holds.filter(({ from, to }) => from < to);
  }

  /** Asking again in the same mode ends nothing; anything else may. */
  #doubt(call: Call): void {
    this.#unclear.push(call);
    if (!asks(call) || modeIn(call, this.name) !== this.#last?.mode) this.#end(call);
  }

  #answered(call: Call): void {
    const { name } = this;
    if (asks(call)) {
      const grant = grantsOf(call).find((one) => one.name === name);
      if (grant) this.#granted(call, grant.mode, grant.token);
      // Of several, some may have been taken and given back.
      else if (call.kind === 'acquire-many' || modeIn(call, name) === this.#last?.mode) this.#end(call);
    } else if (call.kind === 'renew') {
      if (call.answer?.renewed?.includes(name) === true) this.#renewed(call);
      else this.#end(call);
    } else if (call.token === undefined || call.token === this.#last?.token || call.answer?.ok === true) {
      this.#end(call);
    }
  }

  #granted(call: Call, mode: Mode, token: number): void {
    const before = this.#last;
    const same = before?.token === token;
    if (before && same && before.mode !== mode) this.#end(call);
    else if (before && !same) {
      // Until an upgrade was answered, the shared hold stood.
      const upgrade = before.mode === 'shared' && mode === 'exclusive';
      this.#end(call, upgrade ? call.completed : call.invoked);
    }
    const lease = call.leaseMs ?? 0;
    const until = call.invoked + (call.answer?.waitedMs ?? 0) + lease - CLOCK_MS;
    const standing = same && before.until > call.completed ? before.until : 0;
    this.#begin(call, mode, token, Math.max(until, standing), lease);
  }

  /** It may also move the deadline earlier, from when it was sent. */
  #renewed(call: Call): void {
    const last = this.#last;
    if (!last) return;
    const leases = this.#unclear.flatMap(({ leaseMs }) => leaseMs ?? []);
    const lease = call.leaseMs ?? Math.min(last.leaseMs, ...leases);
    const until = call.invoked + lease - CLOCK_MS;
    this.#change(last, { to: Math.min(last.to, until) });
    this.#begin(call, last.mode, last.token, until, lease);
  }

  #begin(by: Call, mode: Mode, token: number, until: number, leaseMs: number): void {
    const { owner, name } = this;
    if (this.#last) this.#change(this.#last, { to: Math.min(this.#last.to, by.completed) });
    this.#last = undefined;
    if (this.#unclear.some((call) => !asks(call) || modeIn(call, name) !== mode)) return;
    const to = Math.min(until, forgotten(by, this.incidents));
    const hold: Hold = { owner, name, mode, token, by, from: by.completed, until, leaseMs, ended: undefined, to };
    this.#last = hold;
    this.#holds.push(hold);
  }

  #end(ended: Call, to = ended.invoked): void {
    if (this.#last) this.#change(this.#last, { ended, to: Math.min(this.#last.to, to) });
    this.#last = undefined;
  }

  #change(hold: Hold, fields: Partial<Hold>): void {
    const changed = { ...hold, ...fields };
    this.#holds[this.#holds.lastIndexOf(hold)] = changed;
    this.#last = changed;
  }
}

/**
 * What a node granted just before Redis lost its data is known to the others only if the node can still tell them: a
 * limit that is stated.
 */
function forgotten({ node, completed }: Call, { all }: Incidents): number {
  const lost = all.filter(({ loss, from, to }) => loss && completed > from - SHARED_MS && completed < to + SHARED_MS);
  const silenced = lost.filter(({ from, to }) =>
    all.some(
      (other) =>
        !other.redis &&
        other.nodes.includes(node) &&
        other.from < to + RECOVERY_MS &&
        other.to > from - SHARED_MS - RECOVERY_MS,
    ),
  );
  return Math.min(Infinity, ...silenced.map(({ from }) => from));
}
