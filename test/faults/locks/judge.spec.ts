import { describe, expect, it } from 'vitest';
import type { LockAnswer } from '../../lock/lock.client.js';
import type { Incident } from '../round.js';
import type { Mode } from './history.js';
import { judge } from './judge.js';
import { knownLockFaults } from './known.js';
import { IN_TIME } from './rules/answers.js';
import { CYCLE } from './rules/deadlocks.js';
import { EXCLUSION } from './rules/exclusion.js';
import { IDLE } from './rules/idle.js';
import { LEFT_BEHIND } from './rules/left.behind.js';
import { LOST } from './rules/lost.holds.js';
import { ORDER } from './rules/order.js';
import { TOKENS } from './rules/tokens.js';
import { incident, Written, type Fields } from './written.js';

const granted = (token: number, waitedMs?: number): LockAnswer => ({
  ok: true,
  token,
  ...(waitedMs !== undefined && { waitedMs }),
});
const ok: LockAnswer = { ok: true };
const no = (reason: string): LockAnswer => ({ ok: false, reason });
const renewed: LockAnswer = { ok: true, renewed: ['x'], lost: [] };
const written = () => new Written();
const shared = { mode: 'shared' } as const;
describe('mutual exclusion', () => {
  it('passes holds one after the other, and shared ones at once', () => {
    const history = written()
      .acquire('a', 0, 10, granted(1))
      .release('a', 50, 60, ok)
      .acquire('b', 20, 55, granted(2, 33))
      .release('b', 70, 80, ok)
      .acquire('c', 81, 90, granted(3), shared)
      .acquire('d', 81, 91, granted(4), shared);
    expect(history.broken()).toEqual([]);
  });

  it('catches a hold that was granted beside another', () => {
    const beside = (one: Fields, other: Fields) =>
      written().acquire('a', 0, 10, granted(1), one).acquire('b', 20, 30, granted(2), other).broken();
    expect(beside({}, {})).toEqual([EXCLUSION]);
    expect(beside({}, shared)).toEqual([EXCLUSION]);
    expect(beside(shared, {})).toEqual([EXCLUSION]);
  });

  it('counts a lease from when the call was sent, plus what it waited', () => {
    const after = (waitedMs: number) =>
      written()
        .acquire('a', 0, 700, granted(1, waitedMs), { waitMs: 2000 })
        .acquire('b', 1100, 1200, granted(2))
        .broken();
    expect(after(0)).toEqual([]);
    expect(after(600)).toEqual([EXCLUSION]);
  });

  it('lets a renewal make a lease longer and shorter', () => {
    const after = (leaseMs: number, invoked: number) =>
      written()
        .acquire('a', 0, 10, granted(1))
        .renew('a', 100, 110, renewed, { leaseMs })
        .acquire('b', invoked, invoked + 10, granted(2))
        .broken();
    expect(after(3000, 2000)).toEqual([EXCLUSION]);
    expect(after(200, 400)).toEqual([]);
    expect(after(200, 200)).toEqual([EXCLUSION]);
  });

  it('is not certain of a hold once its owner did something whose answer is missing', () => {
    const history = written()
      .acquire('a', 0, 10, granted(1))
      .release('a', 20, 30, 'unclear')
      .acquire('b', 40, 50, granted(2));
    expect(history.broken()).toEqual([]);
  });

  it('is certain of a hold although an earlier try to get it was not answered', () => {
    const history = written()
      .acquire('a', 0, 10, 'unclear')
      .acquire('a', 20, 30, granted(1))
      .acquire('b', 40, 50, granted(2));
    expect(history.broken()).toEqual([EXCLUSION]);
  });

  it('knows a downgrade and an upgrade', () => {
    const downgraded = written().acquire('a', 0, 10, granted(1)).acquire('a', 20, 30, granted(1), shared);
    expect(downgraded.acquire('b', 40, 50, granted(2), shared).broken()).toEqual([]);
    const upgraded = written().acquire('a', 0, 10, granted(1), shared).acquire('a', 20, 30, granted(2));
    expect(upgraded.broken()).toEqual([]);
    expect(upgraded.acquire('b', 40, 50, granted(3), shared).broken()).toEqual([EXCLUSION]);
  });

  it('catches more shared holders than a grant allows', () => {
    const with3 = (limit: number) =>
      written()
        .acquire('a', 0, 10, granted(1), shared)
        .acquire('b', 0, 10, granted(2), shared)
        .acquire('c', 20, 30, granted(3), { ...shared, limit })
        .broken();
    expect(with3(3)).toEqual([]);
    expect(with3(2)).toEqual([EXCLUSION]);
  });

  it('takes what a node told nobody before Redis lost its data for what it is: a stated limit', () => {
    const history = written().acquire('a', 100, 110, granted(1)).acquire('b', 900, 910, granted(2), { node: 'node2' });
    const lost = incident({ nodes: ['node1', 'node2'], redis: true, loss: true, from: 200, to: 300 });
    expect(history.broken(lost)).toEqual([EXCLUSION]);
    expect(history.broken(lost, incident({ from: 150, to: 2000 }))).toEqual([]);
  });
});

describe('fencing tokens', () => {
  it('pass where they grow, and where an owner is told his own again', () => {
    const history = written()
      .acquire('a', 0, 10, granted(1), shared)
      .acquire('b', 20, 30, granted(2), shared)
      .acquire('a', 40, 50, granted(1), shared);
    expect(history.broken()).toEqual([]);
  });

  it('are caught where one is not larger than one that was told before', () => {
    const history = written().acquire('a', 0, 10, granted(5), { leaseMs: 10 }).acquire('b', 20, 30, granted(4));
    expect(history.broken()).toEqual([TOKENS]);
  });

  it('are caught where two owners have one', () => {
    const history = written().acquire('a', 0, 30, granted(5), shared).acquire('b', 10, 40, granted(5), shared);
    expect(history.broken()).toEqual([TOKENS]);
  });

  it('are caught where the order of holding is another', () => {
    const history = written()
      .acquire('b', 0, 40, granted(4, 30), { waitMs: 100 })
      .acquire('a', 5, 10, granted(5))
      .release('a', 15, 20, ok);
    expect(history.broken()).toEqual([TOKENS]);
  });

  it('of a shared hold may stem from a call that was not answered', () => {
    const history = written()
      .acquire('a', 0, 10, 'unclear', shared)
      .acquire('b', 20, 30, granted(2), shared)
      .acquire('a', 40, 50, granted(1), shared);
    expect(history.broken()).toEqual([]);
  });

  it('of a shared hold cannot stem from a call that certainly did nothing', () => {
    const history = written()
      .acquire('a', 0, 10, 'nothing', shared)
      .acquire('b', 20, 30, granted(2), shared)
      .acquire('a', 40, 50, granted(1), shared);
    expect(history.broken()).toEqual([TOKENS]);
  });
});

describe('a part of several that could not be given back', () => {
  const cut = incident({ from: 25, to: 60 });
  const refused = { ...no('timeout'), name: 'y' };
  const locks = ['x', 'y'].map((name) => ({ name, ...shared }));
  const left = (many: LockAnswer = refused) =>
    written()
      .many('a', ['x', 'y'], 0, 30, many, { waitMs: 30, locks })
      .acquire('b', 10, 20, granted(5), shared)
      .acquire('c', 10, 20, granted(6), shared);

  it('may be told its owner later, with the token that it has, and is counted as his', () => {
    const later = left().acquire('a', 70, 80, granted(4), { ...shared, limit: 2 });
    expect(later.broken(cut)).toEqual([]);
    expect(later.broken()).toEqual([EXCLUSION, TOKENS]);
    expect(later.broken({ ...cut, nodes: ['node2'] })).toEqual([EXCLUSION, TOKENS]);
  });

  it('is no excuse for a token that excludes others', () => {
    expect(left().acquire('a', 70, 80, granted(4)).broken(cut)).toContain(TOKENS);
  });
});

describe('a hold', () => {
  it('is lost where its owner is told so before its end', () => {
    const held = () => written().acquire('a', 0, 10, granted(1));
    expect(held().release('a', 500, 510, no('not_held')).broken()).toEqual([LOST]);
    expect(held().release('a', 500, 510, no('not_owner')).broken()).toEqual([LOST]);
    expect(
      held()
        .renew('a', 500, 510, { ok: false, renewed: [], lost: ['x'] })
        .broken(),
    ).toEqual([LOST]);
    expect(held().acquire('a', 500, 510, no('locked')).broken()).toEqual([LOST]);
    expect(held().acquire('a', 500, 510, granted(2)).broken()).toEqual([LOST]);
  });

  it('is not where its time was over by the answer, it may have been released, or Redis lost its data', () => {
    const held = () => written().acquire('a', 0, 10, granted(1));
    expect(held().release('a', 900, 1001, no('not_held')).broken()).toEqual([]);
    expect(held().release('a', 20, 30, 'unclear').release('a', 40, 50, no('not_held')).broken()).toEqual([]);
    const lost = incident({ redis: true, loss: true, from: 100, to: 200 });
    expect(held().release('a', 500, 510, no('not_held')).broken(lost)).toEqual([]);
    expect(held().acquire('a', 500, 510, no('locked'), shared).broken()).toEqual([]);
    expect(held().release('a', 500, 510, no('stale_token'), { token: 7 }).broken()).toEqual([]);
  });
});

describe('answers in time', () => {
  it('passes what comes by the end of the wait plus the timeout of Redis', () => {
    expect(written().acquire('a', 0, 3000, no('timeout'), { waitMs: 100 }).broken()).toEqual([]);
  });

  it('catches what comes later, and what never comes', () => {
    const late = written().acquire('a', 0, 3200, no('timeout'), { waitMs: 100 });
    expect(late.broken()).toEqual([IN_TIME]);
    expect(late.broken(incident({ from: 3000, to: 3050 }))).toEqual([]);
    expect(written().release('a', 0, 500, 'silent').broken()).toEqual([IN_TIME]);
    expect(written().release('a', 0, 500, 'hung up').broken()).toEqual([]);
  });
});

describe('a hold is left behind', () => {
  it('where someone is seen to hold what he was refused, gave back, or had for a time that is over', () => {
    const seen = (history: Written, at: number) => history.shows(at, ['a'], []).broken();
    expect(seen(written().acquire('a', 0, 500, no('timeout'), { waitMs: 500 }), 600)).toEqual([LEFT_BEHIND]);
    expect(seen(written().acquire('a', 0, 10, granted(1)).release('a', 20, 30, ok), 50)).toEqual([LEFT_BEHIND]);
    expect(seen(written().acquire('a', 0, 10, granted(1)), 1100)).toEqual([LEFT_BEHIND]);
  });

  it('not where a call may have made it', () => {
    const seen = (history: Written, at: number) => history.shows(at, ['a'], []).broken();
    expect(seen(written().acquire('a', 0, 10, granted(1)), 900)).toEqual([]);
    expect(seen(written().acquire('a', 0, 10, granted(1)).renew('a', 500, 510, renewed), 1400)).toEqual([]);
    expect(seen(written().acquire('a', 0, 10, 'unclear'), 900)).toEqual([]);
    expect(seen(written().acquire('a', 0, 10, granted(1)).acquire('a', 20, 30, no('locked'), shared), 50)).toEqual([]);
  });

  it('by a wait that ended without it, also where the answer with the grant may have been lost on the way', () => {
    const seenAt = (at: number, cut = incident({ from: 100, to: 300 })) =>
      written().acquire('a', 0, 500, no('timeout'), { waitMs: 500 }).shows(at, ['a'], []).broken(cut);
    expect(seenAt(400)).toEqual([]);
    expect(seenAt(600)).toEqual([LEFT_BEHIND]);
    expect(seenAt(400, incident({ nodes: ['node2'], from: 100, to: 300 }))).toEqual([LEFT_BEHIND]);
  });

  it('by a wait before its grant, but for the lease of one whose answer may have been lost on the way', () => {
    const seenAt = (at: number, ...all: Incident[]) =>
      written()
        .acquire('a', 0, 3000, granted(2, 2900), { waitMs: 5000 })
        .shows(at, ['a'], [])
        .broken(...all);
    const cut = incident({ from: 500, to: 1000 });
    expect(seenAt(900)).toEqual([LEFT_BEHIND]);
    expect(seenAt(900, { ...cut, nodes: ['node2'] })).toEqual([LEFT_BEHIND]);
    expect(seenAt(100, cut)).toEqual([LEFT_BEHIND]);
    expect(seenAt(1900, cut)).toEqual([]);
    expect(seenAt(2100, cut)).toEqual([LEFT_BEHIND]);
    expect(seenAt(2950, cut)).toEqual([]);
  });
});

describe('first come, first served', () => {
  const waiting = (second: Mode = 'exclusive') =>
    written()
      .acquire('h', 0, 10, granted(1))
      .shows(
        50,
        ['h'],
        [
          ['a', 'exclusive'],
          ['b', second],
        ],
      );

  it('passes who is served in turn, or after the one before him gave up', () => {
    const inTurn = waiting()
      .acquire('a', 20, 110, granted(2, 80), { waitMs: 900 })
      .release('h', 100, 105, ok)
      .release('a', 120, 125, ok)
      .acquire('b', 30, 130, granted(3, 95), { waitMs: 900 });
    expect(inTurn.broken()).toEqual([]);
    const gaveUp = waiting()
      .acquire('a', 20, 90, 'hung up', { waitMs: 900 })
      .release('h', 100, 105, ok)
      .acquire('b', 30, 110, granted(3, 75), { waitMs: 900 });
    expect(gaveUp.broken()).toEqual([]);
  });

  it('catches who is served before one who waited before him', () => {
    const history = (end: (written: Written) => Written) =>
      end(waiting().release('h', 100, 105, ok).acquire('b', 30, 110, granted(2, 75), { waitMs: 900 }));
    const later = history((it) =>
      it.release('b', 120, 125, ok).acquire('a', 20, 130, granted(3, 105), { waitMs: 900 }),
    );
    expect(later.broken()).toEqual([ORDER]);
    expect(later.broken(incident({ from: 40, to: 45 }))).toEqual([]);
    expect(history((it) => it.acquire('a', 20, 920, no('timeout'), { waitMs: 900 })).broken()).toEqual([ORDER]);
    expect(history((it) => it.acquire('a', 20, 400, 'hung up', { waitMs: 900 })).broken()).toEqual([ORDER]);
  });

  it('takes shared waiters that follow each other in any order', () => {
    const history = written()
      .shows(
        50,
        [],
        [
          ['a', 'shared'],
          ['b', 'shared'],
        ],
      )
      .acquire('a', 20, 60, granted(3, 30), { ...shared, waitMs: 900 })
      .acquire('b', 30, 60, granted(2, 20), { ...shared, waitMs: 900 });
    expect(history.broken()).toEqual([]);
  });
});

describe('nobody waits for nobody', () => {
  const abandoned = (waiter: (written: Written) => Written) => waiter(written().acquire('h', 0, 10, granted(1)));

  it('passes who is served when a lease is over, or is refused while it stands', () => {
    const history = abandoned((it) => it.acquire('a', 100, 1050, granted(2, 940), { waitMs: 9000 }));
    expect(history.broken()).toEqual([]);
    expect(abandoned((it) => it.acquire('a', 100, 600, no('timeout'), { waitMs: 500 })).broken()).toEqual([]);
  });

  it('catches who waits for a holder long dead, also where several do one after the other', () => {
    const one = abandoned((it) => it.acquire('a', 100, 5100, no('timeout'), { waitMs: 5000 }));
    expect(one.broken()).toEqual([IDLE]);
    expect(abandoned((it) => it.acquire('a', 100, 5100, granted(2, 4990), { waitMs: 9000 })).broken()).toEqual([IDLE]);
    const several = abandoned((it) =>
      it
        .acquire('a', 100, 2600, no('timeout'), { waitMs: 2500 })
        .acquire('b', 2000, 4500, no('timeout'), { waitMs: 2500 })
        .acquire('c', 4000, 6500, no('timeout'), { waitMs: 2500 }),
    );
    expect(several.broken()).toEqual([IDLE]);
  });

  it('does not where the node was touched, Redis was away, or another may hold it', () => {
    const history = () => abandoned((it) => it.acquire('a', 100, 5100, no('timeout'), { waitMs: 5000 }));
    expect(history().broken(incident({ from: 2000, to: 2500 }))).toEqual([]);
    expect(history().broken(incident({ nodes: [], redis: true, from: 2000, to: 2500 }))).toEqual([]);
    expect(history().acquire('b', 1500, 1510, 'unclear', { node: 'node2' }).broken()).toEqual([]);
    const part = history().many('m', ['x', 'y'], 1500, 4500, { ...no('timeout'), name: 'y' }, { waitMs: 3000 });
    expect(part.broken()).toEqual([]);
  });
});

describe('a deadlock', () => {
  const cycle = (...owners: string[]) => ({
    ...no('deadlock'),
    cycle: owners.map((owner) => ({ owner, waitsFor: 'x' })),
  });

  it('passes with the victim first and all of them waiting', () => {
    const history = written()
      .acquire('a', 0, 100, cycle('a', 'b'), { waitMs: 900 })
      .acquire('b', 10, 110, granted(1, 95), { waitMs: 900 });
    expect(history.broken()).toEqual([]);
  });

  it('is caught where another is first, or one did not wait', () => {
    const other = written()
      .acquire('a', 0, 100, cycle('b', 'a'), { waitMs: 900 })
      .acquire('b', 10, 110, granted(1, 95), { waitMs: 900 });
    expect(other.broken()).toEqual([CYCLE]);
    expect(written().acquire('a', 0, 100, cycle('a', 'b'), { waitMs: 900 }).broken()).toEqual([CYCLE]);
    expect(written().acquire('a', 0, 100, cycle(), { waitMs: 900 }).broken()).toEqual([CYCLE]);
  });
});

it('tells the events that show it in order, by the time of the round', () => {
  const history = written().acquire('b', 1020, 1030, granted(2)).acquire('a', 1000, 1010, granted(1));
  const [found] = judge(history, { all: [], touched: () => false }).violations;
  expect(found?.what).toBe('a (exclusive) and b (exclusive) both hold x from 1.030 s to 1.995 s');
  expect(found?.history).toEqual([
    '1.000..1.010 node1 a acquire x exclusive leaseMs 1000 -> {"ok":true,"token":1}',
    '1.020..1.030 node1 b acquire x exclusive leaseMs 1000 -> {"ok":true,"token":2}',
  ]);
});

it('has a known fault for each rule', () => {
  expect(new Set(knownLockFaults.map(({ rule }) => rule))).toEqual(
    new Set([EXCLUSION, TOKENS, LOST, IN_TIME, LEFT_BEHIND, ORDER, IDLE, CYCLE]),
  );
});
