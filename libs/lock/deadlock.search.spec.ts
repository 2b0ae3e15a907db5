import { describe, expect, it } from 'vitest';
import { findCycle, isSameCycle, victimFirst } from './deadlock.search.js';
import type { LockGraph } from './lock.store.js';

type HolderText = string;

/** `a` an exclusive hold, `a+` a shared one, `a?` an offer. */
function holder(text: HolderText, index: number) {
  return {
    owner: text[0] ?? '',
    mode: text.includes('+') ? ('shared' as const) : ('exclusive' as const),
    token: 100 + index,
    firm: !text.includes('?'),
  };
}

let ticket = 0;
/** `a` waits exclusively, `a+` shared, `a+2` shared with limit 2, `a^` upgrades. */
function waiter(text: string) {
  ticket += 1;
  return {
    owner: text[0] ?? '',
    mode: text.includes('+') ? ('shared' as const) : ('exclusive' as const),
    ticket,
    limit: Number(/\d/.exec(text)?.[0] ?? 0),
    upgrades: text.includes('^'),
  };
}

function locks(text: Record<string, [holders: string, waiters: string]>): Map<string, LockGraph> {
  ticket = 0;
  return new Map(
    Object.entries(text).map(([name, [holders, waiters]]) => {
      const held = holders
        .split(' ')
        .filter((one) => one !== '')
        .map(holder);
      const waiting = waiters
        .split(' ')
        .filter((one) => one !== '')
        .map(waiter);
      return [name, { holdersCount: held.length, waitersCount: waiting.length, holders: held, waiters: waiting }];
    }),
  );
}

function cycleFrom(graphs: Map<string, LockGraph>, name: string, owner: string): string | undefined {
  const cycle = findCycle(graphs, { name, owner });
  return (
    cycle &&
    victimFirst(cycle)
      .map((link) => `${link.owner}@${link.name}`)
      .join(' ')
  );
}

describe('the search for deadlocks', () => {
  it('finds two who wait for each other; the younger comes first', () => {
    const graphs = locks({ x: ['a', 'b'], y: ['b', 'a'] });
    expect(cycleFrom(graphs, 'x', 'b')).toBe('a@y b@x');
    expect(cycleFrom(graphs, 'y', 'a')).toBe('a@y b@x');
  });

  it('finds nothing in a chain', () => {
    expect(cycleFrom(locks({ x: ['a', 'b'], y: ['b', 'c'], z: ['c', 'd e'] }), 'z', 'e')).toBeUndefined();
  });

  it('counts the waiter ahead, whatever its mode', () => {
    // d is only behind b, which waits for a, which waits for what d holds.
    expect(cycleFrom(locks({ x: ['a+', 'b d+'], y: ['d', 'a'] }), 'x', 'd')).toBe('a@y d@x b@x');
  });

  it('is led into a cycle from outside, and names only those on it', () => {
    expect(cycleFrom(locks({ x: ['a', 'b'], y: ['b', 'a'], z: ['a', 'c'] }), 'z', 'c')).toBe('a@y b@x');
  });

  it('takes a limit for what it is: one who leaves is enough', () => {
    // b needs one of a and c to go; c waits for nobody.
    expect(cycleFrom(locks({ x: ['a+ c+', 'b+2'], y: ['b', 'a'] }), 'x', 'b')).toBeUndefined();
    // An exclusive one needs both.
    expect(cycleFrom(locks({ x: ['a+ c+', 'b'], y: ['b', 'a'] }), 'x', 'b')).toBe('a@y b@x');
    // Both wait for b.
    expect(cycleFrom(locks({ x: ['a+ c+', 'b+2'], y: ['b', 'a c'] }), 'x', 'b')).toBe('a@y b@x');
  });

  it('lets the upgrader wait for the others only', () => {
    expect(cycleFrom(locks({ x: ['a+ b+', 'a^'] }), 'x', 'a')).toBeUndefined();
    expect(cycleFrom(locks({ x: ['a+ b+', 'a^'], y: ['a', 'b'] }), 'x', 'a')).toBe('b@y a@x');
  });

  it('does not count an offer, which may yet be handed on', () => {
    expect(cycleFrom(locks({ x: ['a?', 'b'], y: ['b', 'a'] }), 'x', 'b')).toBeUndefined();
  });

  it('counts parallel waits of one owner together', () => {
    expect(cycleFrom(locks({ x: ['a', 'b'], y: ['c', 'a'], z: ['b', 'a'] }), 'x', 'b')).toBe('a@z b@x');
  });

  it('tells two readings apart by tickets and tokens', () => {
    const [one, two] = [locks({ x: ['a', 'b'], y: ['b', 'a'] }), locks({ x: ['a', 'b'], y: ['b', 'a'] })];
    const first = findCycle(one, { name: 'x', owner: 'b' }) ?? [];
    expect(isSameCycle(first, findCycle(two, { name: 'y', owner: 'a' }) ?? [])).toBe(true);
    const waiter = two.get('x')?.waiters[0];
    if (waiter) waiter.ticket += 10;
    expect(isSameCycle(first, findCycle(two, { name: 'y', owner: 'a' }) ?? [])).toBe(false);
  });
});
