import type { LockAnswer, LockState } from '../../lock/lock.client.js';
import type { Violation } from '../round.js';

export type Mode = 'exclusive' | 'shared';

/** A lock that a call is about. */
export interface Wanted {
  readonly name: string;
  readonly mode: Mode;
  readonly limit?: number;
}

export interface LockRequest {
  readonly kind: 'acquire' | 'acquire-many' | 'renew' | 'release';
  readonly owner: string;
  readonly locks: readonly Wanted[];
  readonly leaseMs?: number;
  readonly waitMs?: number;
  /** Of a release. */
  readonly token?: number;
}

/** A call and what became of it. All times are this process's performance.now(). */
export interface Call extends LockRequest {
  readonly node: string;
  readonly invoked: number;
  /** When the answer was read, or the client gave up. */
  readonly completed: number;
  /** nothing: certainly not done. unclear: done or not, now or later. */
  readonly outcome: 'answered' | 'nothing' | 'unclear';
  readonly answer?: LockAnswer;
  /** Whether the client closed the connection of its own will. */
  readonly hungUp?: boolean;
  /** Whether there was no answer at all, neither 200 nor 503. */
  readonly silent?: boolean;
}

/** What GET /lock showed at some time between the two. */
export interface Sample {
  readonly name: string;
  readonly node: string;
  readonly invoked: number;
  readonly completed: number;
  readonly holders: LockState['holders'];
  readonly waiters: LockState['waiters'];
}

export interface History {
  /** When the round began. */
  readonly start: number;
  readonly calls: readonly Call[];
  readonly samples: readonly Sample[];
}

export interface GrantOf extends Wanted {
  readonly token: number;
  readonly call: Call;
}

export function asks({ kind }: LockRequest): boolean {
  return kind === 'acquire' || kind === 'acquire-many';
}

/** The locks that a call was granted. */
export function grantsOf(call: Call): GrantOf[] {
  const { answer } = call;
  if (!asks(call) || answer?.ok !== true) return [];
  return call.locks.map((lock) => ({ ...lock, token: answer.tokens?.[lock.name] ?? answer.token ?? NaN, call }));
}

/** The calls about a lock, in the order in which they began. */
export function byName({ calls }: History): Map<string, Call[]> {
  return grouped(calls, ({ locks }) => locks.map(({ name }) => name));
}

export function byOwner(calls: readonly Call[]): Map<string, Call[]> {
  return grouped(calls, ({ owner }) => [owner]);
}

export function modeIn(call: LockRequest, name: string): Mode | undefined {
  return call.locks.find((lock) => lock.name === name)?.mode;
}

/** @param shown in any order; each is listed once, times relative to the round's start */
export function violation(
  rule: string,
  what: string,
  shown: readonly (Call | Sample)[],
  { start }: History,
): Violation {
  const events = [...new Set(shown)].sort((a, b) => a.invoked - b.invoked);
  return { rule, what, history: events.map((event) => lineOf(event, start)) };
}

/** A time as it stands in a violation. */
export function at(time: number, { start }: History): string {
  return `${((time - start) / 1000).toFixed(3)} s`;
}

function lineOf(event: Call | Sample, start: number): string {
  const [from, to] = [event.invoked, event.completed].map((time) => ((time - start) / 1000).toFixed(3));
  const { node } = event;
  if ('holders' in event) {
    const holders = event.holders.map(({ owner, token, expiresInMs }) => `${owner} (${token}, ${expiresInMs} ms left)`);
    const waiters = event.waiters.map(({ owner, mode }) => `${owner} (${mode})`);
    return `${from}..${to} ${node} shows ${event.name}: held by ${holders.join(', ') || 'nobody'}, waited for by ${waiters.join(', ') || 'nobody'}`;
  }
  const { kind, owner, locks, leaseMs, waitMs, token, outcome, answer } = event;
  const names = locks.map(({ name, mode, limit }) => `${name} ${mode}${limit === undefined ? '' : ` limit ${limit}`}`);
  const fields = Object.entries({ leaseMs, waitMs, token }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} ${value}`],
  );
  const told = outcome === 'answered' ? JSON.stringify(answer) : event.hungUp === true ? 'hung up' : outcome;
  return `${from}..${to} ${node} ${owner} ${kind} ${names.join(', ')} ${fields.join(' ')} -> ${told}`;
}

function grouped(calls: readonly Call[], keysOf: (call: Call) => readonly string[]): Map<string, Call[]> {
  const groups = new Map<string, Call[]>();
  for (const call of [...calls].sort((a, b) => a.invoked - b.invoked)) {
    for (const key of keysOf(call)) {
      const group = groups.get(key);
      if (group) group.push(call);
      else groups.set(key, [call]);
    }
  }
  return groups;
}
