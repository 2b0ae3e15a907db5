import { describe, expect, it } from 'vitest';
import { FENCE_AFTER_MS, Lease } from './lease.js';
import { SilenceWatch } from './silence.watch.js';

describe('the watch for silent processes', () => {
  const one = (renewals: number) => [{ epoch: 7, renewals }];

  it('names an epoch whose renewals stay the same for longer than its lease can stand', () => {
    const watch = new SilenceWatch();
    expect(watch.observe(one(3), 0)).toEqual([]);
    expect(watch.observe(one(3), FENCE_AFTER_MS - 1)).toEqual([]);
    expect(watch.observe(one(3), FENCE_AFTER_MS)).toEqual(one(3));
  });

  it('counts anew with every renewal', () => {
    const watch = new SilenceWatch();
    watch.observe(one(3), 0);
    watch.observe(one(4), 1000);
    expect(watch.observe(one(4), 1000 + FENCE_AFTER_MS - 1)).toEqual([]);
  });

  it('names none whose lease stands, where one clock runs 1 % slow and the other 1 % fast', () => {
    let now = 0;
    const slow = () => now * 0.99;
    const lease = new Lease({ monotonic: slow, wall: slow });
    const renewal = lease.send();
    lease.answered(renewal);
    lease.ticked(renewal);
    const watch = new SilenceWatch();
    let stoodUntil = 0;
    while (watch.observe(one(3), now * 1.01).length === 0) {
      if (lease.stands()) stoodUntil = now;
      now += 1;
    }
    expect(stoodUntil).toBeGreaterThan(0);
    expect(lease.stands()).toBe(false);
  });

  it('forgets what it saw on another server, and epochs that are gone', () => {
    const watch = new SilenceWatch();
    watch.observe(one(3), 0);
    watch.forget();
    expect(watch.observe(one(3), FENCE_AFTER_MS)).toEqual([]);
    watch.observe([], FENCE_AFTER_MS);
    expect(watch.observe(one(3), 2 * FENCE_AFTER_MS)).toEqual([]);
  });
});
