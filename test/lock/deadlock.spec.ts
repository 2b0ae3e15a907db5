import { beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, release, type LockAnswer } from './lock.client.js';
import { Traffic } from './traffic.js';

const WITHIN_MS = 2000;
/** Of each kind of random traffic; ten minutes of it are run by hand. */
const TRAFFIC_MS = Number(process.env['TRAFFIC_MS'] ?? 60_000);

describe('deadlocks', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    return () => cluster.stop();
  });
  const node = (i: number) => cluster.node((i % 3) + 1);

  /** Closes a circle of waits. The victim, once told, gives back what it holds, and everyone else gets his turn. */
  async function circle(
    name: string,
    size: number,
    modes: (i: number) => string,
  ): Promise<{ owner: string; answer: LockAnswer; ms: number }[]> {
    const owners = Array.from({ length: size }, (_, i) => `${name}-owner${i}`);
    const lock = (i: number) => `${name}-${i % size}`;
    for (const [i, owner] of owners.entries()) {
      expect(await acquire(node(i), lock(i), owner, { mode: modes(i) })).toMatchObject({ ok: true });
    }
    const since = performance.now();
    return await Promise.all(
      owners.map(async (owner, i) => {
        // The last wait closes it; its victim is the youngest.
        const answer = await acquire(node(i + 1), lock(i + 1), owner, { waitMs: 20_000 });
        const ms = performance.now() - since;
        await release(node(i), lock(i), owner);
        if (answer.ok) await release(node(i), lock(i + 1), owner);
        return { owner, answer, ms };
      }),
    );
  }

  it.each([2, 3, 10])(
    'of %i owners on three nodes cost exactly one of them his place, within two seconds',
    async (size) => {
      const results = await circle(`d${size}`, size, () => 'exclusive');
      const victims = results.filter(({ answer }) => answer.reason === 'deadlock');
      expect(victims).toHaveLength(1);
      expect(results.filter(({ answer }) => answer.ok)).toHaveLength(size - 1);
      const [{ owner, answer, ms }] = victims as [(typeof victims)[0]];
      expect(ms).toBeLessThan(WITHIN_MS);
      const cycle = answer.cycle ?? [];
      expect(cycle).toHaveLength(size);
      expect(cycle[0]?.owner).toBe(owner);
      // Entry i + 1 holds what entry i waits for.
      for (const [i, { waitsFor }] of cycle.entries()) {
        const next = cycle[(i + 1) % size]?.owner ?? '';
        expect(waitsFor).toBe(`d${size}-${next.slice(`d${size}-owner`.length)}`);
      }
    },
  );

  it('of shared and exclusive holds mixed', async () => {
    const results = await circle('mixed', 4, (i) => (i % 2 ? 'shared' : 'exclusive'));
    const victims = results.filter(({ answer }) => answer.reason === 'deadlock');
    expect(victims).toHaveLength(1);
    expect(victims[0]?.ms).toBeLessThan(WITHIN_MS);
  });

  it('by an upgrade that waits for one who waits for its owner', async () => {
    await acquire(node(0), 'up', 'a', { mode: 'shared' });
    await acquire(node(1), 'up', 'b', { mode: 'shared' });
    await acquire(node(2), 'up other', 'a');
    const since = performance.now();
    const upgrade = acquire(node(0), 'up', 'a', { waitMs: 20_000 });
    const other = acquire(node(1), 'up other', 'b', { waitMs: 20_000 });
    const first = await Promise.race([upgrade, other]);
    expect(first).toMatchObject({ ok: false, reason: 'deadlock' });
    expect(performance.now() - since).toBeLessThan(WITHIN_MS);
    // Whoever was refused gives way.
    const victim = first.cycle?.[0]?.owner ?? '';
    await release(node(0), 'up', victim);
    await release(node(0), 'up other', victim);
    const rest = await Promise.all([upgrade, other]);
    expect(rest.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it.concurrent(
    'are not seen where there are none: random traffic in one order of locks',
    async () => {
      const traffic = new Traffic(cluster.nodes, { owners: 24, locks: 4, seed: 7, ordered: true });
      const { granted, deadlocks, violations } = await traffic.run(TRAFFIC_MS);
      expect(violations).toEqual([]);
      expect(deadlocks).toBe(0);
      expect(granted).toBeGreaterThan(100);
    },
    TRAFFIC_MS + 60_000,
  );

  it.concurrent(
    'are all ended in random traffic that runs into them',
    async () => {
      const traffic = new Traffic(cluster.nodes, { owners: 24, locks: 6, seed: 11, ordered: false });
      const { granted, deadlocks, timeouts, violations } = await traffic.run(TRAFFIC_MS);
      expect(violations).toEqual([]);
      expect(deadlocks).toBeGreaterThan(0);
      // Nobody holds for long but in a deadlock, so that nobody waits for as long as this.
      expect(timeouts).toBe(0);
      expect(granted).toBeGreaterThan(50);
    },
    TRAFFIC_MS + 60_000,
  );
});
