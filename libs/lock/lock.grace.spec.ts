import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { LockGrace } from './lock.grace.js';

it('tells no deadline too early because an answer was late once', () => {
  const told: number[] = [];
  const grace = new LockGrace(
    30_000,
    () => 0,
    (deadline) => told.push(deadline),
    () => undefined,
  );
  const aheadMs = 1_000_000;
  grace.seen(performance.now() + aheadMs - 900);
  const time = performance.now() + aheadMs;
  grace.seen(time);
  grace.granted(3000);
  expect(told[0]).toBeGreaterThanOrEqual(time + 3000);
});
