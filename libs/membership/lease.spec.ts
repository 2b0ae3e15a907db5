import { beforeEach, describe, expect, it } from 'vitest';
import { Lease, LEASE_MS, type Clocks } from './lease.js';

describe('a lease', () => {
  let now: { monotonic: number; wall: number };
  let lease: Lease;

  beforeEach(() => {
    now = { monotonic: 1000, wall: 5_000_000 };
    const clocks: Clocks = { monotonic: () => now.monotonic, wall: () => now.wall };
    lease = new Lease(clocks);
  });

  const pass = (ms: number) => {
    now = { monotonic: now.monotonic + ms, wall: now.wall + ms };
  };
  const renewAtOnce = () => {
    const number = lease.send();
    lease.answered(number);
    lease.ticked(number);
  };

  it('does not stand before its first renewal, and has not lapsed either', () => {
    expect(lease.stands()).toBe(false);
    expect(lease.lapsed()).toBe(false);
  });

  it.each([
    ['answer, then tick', ['answered', 'ticked'] as const],
    ['tick, then answer', ['ticked', 'answered'] as const],
  ])('stands once both have come: %s', (_, [first, second]) => {
    const number = lease.send();
    lease[first](number);
    expect(lease.stands()).toBe(false);
    lease[second](number);
    expect(lease.stands()).toBe(true);
  });

  it('counts from before the renewal was sent, not from its answer', () => {
    const number = lease.send();
    pass(LEASE_MS - 1);
    lease.answered(number);
    lease.ticked(number);
    expect(lease.stands()).toBe(true);
    pass(1);
    expect(lease.stands()).toBe(false);
  });

  it('never stands on the answer of one renewal and the tick of another', () => {
    const first = lease.send();
    const second = lease.send();
    lease.answered(first);
    lease.ticked(second);
    expect(lease.stands()).toBe(false);
  });

  it('is extended by each renewal, and not set back by a late one', () => {
    const early = lease.send();
    pass(500);
    renewAtOnce();
    lease.answered(early);
    lease.ticked(early);
    pass(LEASE_MS - 1);
    expect(lease.stands()).toBe(true);
  });

  it('once passed, is never revived: the process must take a new epoch', () => {
    renewAtOnce();
    const late = lease.send();
    pass(LEASE_MS);
    lease.answered(late);
    lease.ticked(late);
    expect(lease.stands()).toBe(false);
    expect(lease.lapsed()).toBe(true);
    renewAtOnce();
    expect(lease.stands()).toBe(false);
  });

  it('ends by the wall clock too, which counts the time that a machine sleeps', () => {
    renewAtOnce();
    now = { monotonic: now.monotonic + 10, wall: now.wall + LEASE_MS };
    expect(lease.stands()).toBe(false);
  });

  it('is not prolonged by a wall clock that is set back', () => {
    renewAtOnce();
    now = { monotonic: now.monotonic + LEASE_MS, wall: now.wall - 60_000 };
    expect(lease.stands()).toBe(false);
  });

  it('knows that its channel is deaf when a later renewal is under way and the tick of an answered one is missing', () => {
    const first = lease.send();
    lease.answered(first);
    expect(lease.deaf).toBe(false);
    lease.send();
    expect(lease.deaf).toBe(true);
    lease.channelMended();
    expect(lease.deaf).toBe(false);
    lease.ticked(first);
    expect(lease.stands()).toBe(false);
  });

  it('remembers the last renewal that Redis confirmed', () => {
    lease.answered(lease.send());
    lease.send();
    expect(lease.acknowledged).toBe(1);
  });
});
