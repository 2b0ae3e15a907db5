import fc from 'fast-check';
import type { LockMode } from '#lib/lock';

export const OWNERS = ['a', 'b', 'c:{}', 'd'];
export const MOST_WATCH_MS = 60_000;
export const INSTANCES = ['i1', 'i2', 'i3'];

/** Some more often than others, so that what takes two calls of one owner, or two of the same two, comes about. */
const owner = fc.constantFrom(...OWNERS, 'a', 'a', 'b');
const instance = fc.constantFrom(...INSTANCES);
const mode = fc.constantFrom<LockMode>('exclusive', 'shared');
const lease = fc.constantFrom(100, 900, 5000, 20_000);
const at = { instance, owner };
/** The call that touched the owner's hold last, or another of his. */
const call = fc.constantFrom('last', 'last', 'other');

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      ...at,
      mode,
      lease,
      wait: fc.constantFrom(0, 3000, 60_000),
      limit: fc.constantFrom(0, 1, 2),
      partly: fc.constantFrom(false, false, false, true),
      /** As part of several: whether it belongs to the same call as his last part. */
      same: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('enlist again' as const), ...at, lease, partly: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('confirm offer' as const),
      ...at,
      lease,
      part: fc.constantFrom(false, false, true),
      token: fc.constantFrom('own', 'own', 'own', 'own', 'old'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('confirm own' as const), ...at, lease, call }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), ...at, lease, take: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undelivered' as const), ...at, call }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      ...at,
      mode: fc.constantFrom<LockMode | undefined>(undefined, undefined, 'shared', 'exclusive'),
      token: fc.constantFrom('none', 'none', 'own', 'old'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('renew' as const), ...at, lease: fc.constantFrom(0, 100, 20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('extend' as const), ...at, call }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crowd the bucket' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('check' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('force' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), ...at, current: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      instance,
      ms: fc.constantFrom(0, 1000, MOST_WATCH_MS, MOST_WATCH_MS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const), instance }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 150, 1000, 2500, 30_000) }),
  },
  /** To the very moment at which something ends, or the one before it. */
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass until' as const),
      which: fc.nat(5),
      before: fc.constantFrom(0, 0, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set back' as const), ms: fc.constantFrom(1, 1000, 20_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('new epoch' as const), instance }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('learn' as const), instance }) },
  /** A process learns of a token of another that is ahead of Redis's clock. */
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('learn token' as const), ahead: fc.constantFrom(1, 5_000_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('hold back' as const), holds: fc.constantFrom(true, false, false) }),
  },
  /** Redis's data is lost; the clock of the next one may be behind by so many microseconds. */
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      behind: fc.constantFrom(0, 60_000_000),
      held: fc.boolean(),
    }),
  },
);

export type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

interface Ask {
  readonly instance: string;
  readonly owner: string;
  readonly mode: LockMode;
  readonly lease?: 900 | 20_000;
  readonly wait?: 0 | 3000 | 60_000;
  readonly partly?: boolean;
}

/** Instances in a story are i1 unless it matters. */
const at1 = (owner: string) => ({ instance: 'i1', owner });
const ask = ({ lease = 20_000, wait = 0, partly = false, ...rest }: Ask): Action => ({
  do: 'acquire',
  lease,
  wait,
  limit: 0,
  partly,
  same: false,
  ...rest,
});
const shares = (owner: string, instance = 'i1') => ask({ instance, owner, mode: 'shared' });
const upgrades = (owner: string, instance = 'i1', partly = false) =>
  ask({ instance, owner, mode: 'exclusive', wait: 60_000, partly });
const waits = (owner: string, instance = 'i2') => ask({ instance, owner, mode: 'exclusive', wait: 60_000 });
const releases = (owner: string): Action => ({ do: 'release', ...at1(owner), mode: undefined, token: 'none' });
const watches: Action = { do: 'watch', instance: 'i3', ms: 60_000 };
const takes = (owner: string): Action => ({
  do: 'confirm offer',
  ...at1(owner),
  lease: 20_000,
  part: false,
  token: 'own',
});
const partOf = (owner: string): Action => ask({ instance: 'i1', owner, mode: 'exclusive', partly: true });
const extendsLast = (owner: string): Action => ({ do: 'extend', ...at1(owner), call: 'last' });
const passes = (ms: 1000 | 2500): Action => ({ do: 'pass', ms });
const isBrief = (owner: string): Action => ask({ instance: 'i2', owner, mode: 'exclusive', lease: 900 });
const renews = (owner: string): Action => ({ do: 'renew', instance: 'i2', owner, lease: 20_000 });
const holdsBack: Action = { do: 'hold back', holds: true };
const checks: Action = { do: 'check', instance: 'i2' };
const confirmsAll = (owner: string): Action => ({ do: 'confirm own', instance: 'i1', owner, lease: 900, call: 'last' });

/** Until the lock is most likely in the indices of its bucket. */
const crowds = Array.from({ length: 4 }, (): Action => ({ do: 'crowd the bucket' }));

/** States that chance alone seldom comes to. */
const opening = fc.constantFrom<Action[]>(
  [],
  [],
  // An upgrade that waits, and another shared hold whose owner may want the same.
  [shares('a'), shares('b'), upgrades('a')],
  [watches, shares('a'), shares('b'), waits('c:{}'), upgrades('a')],
  // An upgrade that is offered.
  [watches, shares('a'), shares('b'), upgrades('a'), releases('b')],
  [shares('a'), shares('b'), upgrades('a'), upgrades('a', 'i2'), releases('b')],
  // An upgrade as part of several, taken, and confirmed with all of them.
  [watches, shares('a'), upgrades('a', 'i1', true)],
  [watches, shares('a'), upgrades('a', 'i1', true), confirmsAll('a')],
  // Two connections of one owner, of which one has the offer and the other has not heard of it.
  [waits('b'), waits('a', 'i1'), waits('a', 'i2'), releases('b')],
  [shares('b'), waits('a', 'i1'), waits('a', 'i2'), waits('d', 'i3'), releases('b')],
  // The one that has it is not told of it, and the other is dead by then.
  [
    waits('b'),
    waits('a', 'i1'),
    waits('a', 'i2'),
    releases('b'),
    takes('a'),
    { do: 'die', instance: 'i2' },
    { do: 'learn', instance: 'i1' },
    { do: 'undelivered', ...at1('a'), call: 'last' },
  ],
  // The one that has it asks for more, where no more may wait and it is not alone.
  [
    waits('b'),
    ask({ ...at1('a'), mode: 'shared', wait: 60_000 }),
    ask({ instance: 'i2', owner: 'a', mode: 'shared', wait: 60_000 }),
    ask({ ...at1('d'), mode: 'shared', wait: 60_000 }),
    releases('b'),
    takes('a'),
    takes('d'),
    waits('c:{}'),
    waits('b'),
    upgrades('a'),
  ],
  // A part of several that lapsed, or that is kept while nothing may be granted.
  [partOf('a'), passes(2500), extendsLast('a')],
  [partOf('a'), holdsBack, passes(1000), extendsLast('a'), passes(1000), confirmsAll('a')],
  // Nothing new is granted then.
  [holdsBack, shares('b')],
  [shares('a'), holdsBack, upgrades('a'), releases('a')],
  [waits('a'), ask({ ...at1('b'), mode: 'shared', wait: 60_000 }), holdsBack, shares('a')],
  // A deadline was told and is later by then; nobody has heard of the new one.
  [isBrief('b'), waits('a', 'i1'), renews('b'), passes(1000), checks],
  [watches, isBrief('b'), renews('b'), passes(1000), checks],
  // One holder whose entries are in the indices: renewed, joined by another, released.
  [isBrief('b'), ...crowds, renews('b')],
  [watches, shares('a'), ...crowds, shares('b'), releases('a'), releases('b')],
  [isBrief('a'), ...crowds, passes(1000), shares('b')],
  // An offer of an upgrade that lapsed and was seen by nobody.
  [shares('a'), shares('b'), upgrades('a'), releases('b'), passes(2500), { do: 'look', instance: 'i1' }],
  // One that is forced back to its place, and waits for less than the shared hold would have lasted.
  [
    shares('a'),
    shares('b'),
    ask({ ...at1('a'), mode: 'exclusive', wait: 3000 }),
    releases('b'),
    holdsBack,
    { do: 'force', instance: 'i1' },
  ],
);

/** What happens to one lock. */
export const story = fc
  .tuple(opening, fc.array(action, { minLength: 1, maxLength: 60, size: 'max' }))
  .map(([first, then]) => [...first, ...then]);
