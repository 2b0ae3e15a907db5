import { MEMBERSHIP_INCLUDES } from '#lib/membership';
import { loadScript, type LuaScript } from '#lib/redis';

const folder = new URL('./scripts/', import.meta.url);

/** What every script answers first: Redis's time in ms, ms until the caller's timer (-1: none), whether to step again, how many holds have expired. */
type StepAnswer = [time: string, wake: number, more: 0 | 1, expired: number, ...rest: unknown[]];

export interface LockScript<Rest extends unknown[]> {
  readonly script: LuaScript<StepAnswer>;
  /** Whether calls of one turn go as one: those that an uncontended hold takes. */
  readonly joins: boolean;
  /** Never set; carries the type of what the answer has after the step's part. */
  readonly rest?: Rest;
}

const load = <Rest extends unknown[]>(file: string, joins = false): LockScript<Rest> => ({
  script: loadScript<StepAnswer>(folder, file, [MEMBERSHIP_INCLUDES]),
  joins,
});

export type InspectAnswer = [
  mode: 'x' | 's' | '',
  token: string,
  holdersCount: number,
  waitersCount: number,
  holders: string[],
  waiters: string[],
  seq: string,
];

type GrantAnswer<How> = ['granted', token: string, how: How];

/** The scripts, each with what its answer has after the step's part. */
export const scripts = {
  acquire: load<
    | GrantAnswer<'new' | 'renewed' | 'upgraded' | 'downgraded' | 'held'>
    | ['waiting', ticket: string, upgrade: '0' | '1']
    | ['offered', token: string]
    | ['locked']
    | ['deadlock', other: string]
    | ['full']
  >('acquire-9', true),
  confirm: load<GrantAnswer<'new' | 'upgraded' | 'joined'> | ['gone']>('confirm-9'),
  leave: load<GrantAnswer<'new' | 'upgraded' | 'joined'> | ['left']>('leave-9'),
  undelivered: load<[0 | 1]>('undelivered-9'),
  release: load<['ok', heldMs: string, mode: 'x' | 's'] | ['not_owner' | 'not_held' | 'stale_token']>(
    'release-9',
    true,
  ),
  renew: load<[leaseMs: number]>('renew-9', true),
  extend: load<[0 | 1]>('extend-9'),
  check: load<[states: string[]]>('check-9'),
  inspect: load<InspectAnswer>('inspect-9'),
  watch: load<InspectAnswer>('watch-9'),
  force: load<[ended: number, bound: string, left: 0 | 1]>('force-9'),
  graph: load<[holdersCount: number, waitersCount: number, holders: string[], waiters: string[]]>('graph-9'),
  refuse: load<[0 | 1]>('refuse-9'),
};

/** A part of an index of one bucket. */
export const listScript = loadScript<[atEnd: 0 | 1, last: string, ...entries: string[]]>(folder, 'list-2');

/** Which locks of one bucket some owners wait for: owner, lock, .. */
export const waitsScript = loadScript<string[]>(folder, 'waits-1');
