import { describe, expect, it, vi } from 'vitest';
import type { Change } from './line.types.js';
import { WriteQueue } from './write.queue.js';

const write = (json = '1'): Change => ({ kind: 'write', json });
const done = (id: string) => ({ id, outcome: { code: 'ok', version: 1 } }) as const;

describe('the writes of a node to a line', () => {
  it('go as lists that are bounded in number and size', () => {
    const queue = new WriteQueue(1000, 1000);
    for (let i = 0; i < 100; i += 1) queue.add(`small ${i}`, write(), false);
    expect(queue.next()).toHaveLength(64);
    expect(queue.next()).toHaveLength(36);
    expect(queue.next()).toHaveLength(0);
    for (let i = 0; i < 3; i += 1) queue.add(`large ${i}`, write('x'.repeat(600_000)), false);
    expect([queue.next().length, queue.next().length, queue.next().length]).toEqual([1, 1, 1]);
    queue.add('huge', write('x'.repeat(2_000_000)), false);
    expect(queue.next()).toHaveLength(1);
  });

  it('are refused, without effect, where too many wait', () => {
    const queue = new WriteQueue(2, 1000);
    queue.add('a', write(), false);
    queue.add('b', write(), false);
    expect(() => queue.add('c', write(), false)).toThrow(expect.objectContaining({ mayHaveTakenEffect: false }));
  });

  it('are refused, without effect, where they have waited for too long', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const queue = new WriteQueue(10, 1000);
      const { ended } = queue.add('a', write(), false);
      vi.advanceTimersByTime(1001);
      queue.add('b', write(), false);
      expect(queue.next().map(({ id }) => id)).toEqual(['b']);
      await expect(ended).rejects.toMatchObject({ mayHaveTakenEffect: false });
    } finally {
      vi.useRealTimers();
    }
  });

  it('share one result where their id is the same', async () => {
    const queue = new WriteQueue(10, 1000);
    const first = queue.add('r', write('1'), true);
    expect(queue.add('r', write('2'), true)).toBe(first);
    queue.next();
    expect(queue.add('r', write('3'), true)).toBe(first);
    queue.settle('r', done('r'), true);
    expect(await first.ended).toEqual({ outcome: done('r').outcome, round: true });
    expect(queue.unsettled).toBeUndefined();
  });

  it('are waited for until all have their results, or somebody has to look again', async () => {
    const queue = new WriteQueue(10, 1000);
    queue.add('a', write(), false);
    queue.add('b', write(), false);
    queue.next();
    let settled = false;
    const waiting = queue.settledWithin(60_000).then(() => (settled = true));
    queue.settle('a', done('a'), false);
    queue.settle('nobody', done('nobody'), false);
    await Promise.resolve();
    expect([settled, queue.unsettled]).toEqual([false, 'b']);
    queue.settle('b', done('b'), false);
    await waiting;
    queue.add('c', write(), false);
    queue.next();
    const again = queue.settledWithin(60_000);
    queue.wake();
    await again;
    expect(queue.unsettled).toBe('c');
  });
});
