import { describe, expect, it } from 'vitest';
import { FENCE_AFTER_MS } from './lease.js';
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

  it('forgets what it saw on another server, and epochs that are gone', () => {
    const watch = new SilenceWatch();
    watch.observe(one(3), 0);
    watch.forget();
    expect(watch.observe(one(3), FENCE_AFTER_MS)).toEqual([]);
    watch.observe([], FENCE_AFTER_MS);
    expect(watch.observe(one(3), 2 * FENCE_AFTER_MS)).toEqual([]);
  });
});
