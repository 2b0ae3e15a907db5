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

it('holds locks back until the last deadline that is known, however late its timers are', async () => {
  const aheadMs = 1_000_000;
  const deadline = performance.now() + aheadMs + 1600;
  const over = new Promise<number>((resolve) => {
    const grace = new LockGrace(
      30_000,
      () => deadline,
      () => undefined,
      () => {
        expect(grace.holds).toBe(false);
        resolve(performance.now());
      },
    );
    grace.seen(performance.now() + aheadMs);
    const since = performance.now();
    grace.begin(true, false);
    // The others' time to share is over, and no timer could run yet.
    while (performance.now() < since + 1200);
    expect(grace.holds).toBe(true);
  });
  expect(await over).toBeGreaterThanOrEqual(deadline - aheadMs);
});
