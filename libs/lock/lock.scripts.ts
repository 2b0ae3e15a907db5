import { MEMBERSHIP_INCLUDES } from '#lib/membership';
import { loadScript, type LuaScript } from '#lib/redis';

const folder = new URL('./scripts/', import.meta.url);

/**
 * What every script answers first: Redis's time in ms; where there is more to say, also the ms until the caller's timer
 * (-1: none), whether to step again, and how many holds have expired.
 */
type StepAnswer = [step: number | [time: number, wake: number, more: 0 | 1, expired: number], ...rest: unknown[]];

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
  token: number,
  holdersCount: number,
  waitersCount: number,
  holders: string[],
  waiters: string[],
  seq: number,
];

type GrantAnswer<How> = ['granted', token: number, how: How];

/** The scripts, each with what its answer has after the step's part. */
export const scripts = {
  acquire: load<
    | GrantAnswer<'new' | 'renewed' | 'upgraded' | 'downgraded' | 'held'>
    | ['waiting', ticket: number, upgrade: 0 | 1]
    | ['offered', token: number]
    | ['locked']
    | ['deadlock', other: string]
    | ['full']
  >('acquire-1', true),
  confirm: load<GrantAnswer<'new' | 'upgraded' | 'joined'> | ['gone']>('confirm-1'),
  leave: load<GrantAnswer<'new' | 'upgraded' | 'joined'> | ['left']>('leave-1'),
  undelivered: load<[0 | 1]>('undelivered-1'),
  release: load<['ok', heldMs: number, mode: 'x' | 's'] | ['not_owner' | 'not_held' | 'stale_token']>(
    'release-1',
    true,
  ),
  renew: load<[leaseMs: number]>('renew-1', true),
  extend: load<[0 | 1]>('extend-1'),
  check: load<[states: ('q' | '-' | number)[]]>('check-1'),
  inspect: load<InspectAnswer>('inspect-1'),
  watch: load<InspectAnswer>('watch-1'),
  force: load<[ended: number, bound: number, left: 0 | 1]>('force-1'),
  graph: load<[holdersCount: number, waitersCount: number, holders: string[], waiters: string[]]>('graph-1'),
  refuse: load<[0 | 1]>('refuse-1'),
};

/** A part of an index of one bucket, and what is fresh there: lock, owner, .. */
export const listScript = loadScript<[atEnd: 0 | 1, last: string, entries: string[], fresh: string[]]>(
  folder,
  'list-3',
);

/** Which locks of one bucket some owners wait for: owner, lock, .. */
export const waitsScript = loadScript<string[]>(folder, 'waits-1');
