import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, acquireMany, look, release, type LockAnswer } from './lock.client.js';
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

  interface Told {
    readonly owner: string;
    readonly answer: LockAnswer;
    readonly ms: number;
  }

  /**
   * Everyone waits for his lock. The victim, once told, gives back all that it holds, and everyone else gets his turn.
   * @param held the locks that each of them holds
   */
  async function run(waits: readonly { owner: string; name: string; held: string[] }[]): Promise<Told[]> {
    const since = performance.now();
    return await Promise.all(
      waits.map(async ({ owner, name, held }, i) => {
        const answer = await acquire(node(i + 1), name, owner, { waitMs: 20_000 });
        const ms = performance.now() - since;
        for (const one of new Set(answer.ok ? [...held, name] : held)) await release(node(i), one, owner);
        return { owner, answer, ms };
      }),
    );
  }

  /** Exactly one is refused, in time, and told of the cycle, in which `blocks` says whether one blocks the one before. */
  function expectOneVictim(results: readonly Told[], blocks: (blocker: string, name: string) => boolean): void {
    const victims = results.filter(({ answer }) => answer.reason === 'deadlock');
    expect(victims).toHaveLength(1);
    expect(results.filter(({ answer }) => answer.ok)).toHaveLength(results.length - 1);
    const [{ owner, answer, ms }] = victims as [Told];
    expect(ms).toBeLessThan(WITHIN_MS);
    const cycle = answer.cycle ?? [];
    expect(cycle).toHaveLength(results.length);
    expect(cycle[0]?.owner).toBe(owner);
    expect(new Set(cycle.map((entry) => entry.owner)).size).toBe(results.length);
    for (const [i, { waitsFor }] of cycle.entries()) {
      const next = cycle[(i + 1) % cycle.length]?.owner ?? '';
      expect(blocks(next, waitsFor), `${next} blocks ${waitsFor}`).toBe(true);
    }
  }

  const SIZES = [2, 3, 10];
  const MODES = {
    'exclusive holds': () => 'exclusive',
    'shared and exclusive holds': (i: number) => (i % 2 ? 'shared' : 'exclusive'),
  };

  it.each(Object.entries(MODES).flatMap(([kind, modeOf]) => SIZES.map((size) => ({ kind, size, modeOf }))))(
    'of $size owners on three nodes by $kind cost exactly one of them his place, within two seconds',
    async ({ kind, size, modeOf }) => {
      const lock = (i: number) => `${kind} ${size}-${i % size}`;
      const owner = (i: number) => `${kind} ${size} owner${i % size}`;
      const waits = Array.from({ length: size }, (_, i) => ({ owner: owner(i), name: lock(i + 1), held: [lock(i)] }));
      for (const i of waits.keys()) {
        expect(await acquire(node(i), lock(i), owner(i), { mode: modeOf(i) })).toMatchObject({ ok: true });
      }
      expectOneVictim(
        await run(waits),
        (blocker, name) => lock(waits.findIndex((one) => one.owner === blocker)) === name,
      );
    },
  );

  it.each(SIZES)('of %i owners by upgrades alone', async (size) => {
    // Each shares his lock with the next, and upgrades it.
    const lock = (i: number) => `up ${size}-${(i + size) % size}`;
    const owner = (i: number) => `up ${size} owner${i % size}`;
    const waits = Array.from({ length: size }, (_, i) => ({
      owner: owner(i),
      name: lock(i),
      held: [lock(i), lock(i - 1)],
    }));
    for (const [i, { held }] of waits.entries()) {
      for (const name of held) await acquire(node(i), name, owner(i), { mode: 'shared' });
    }
    expectOneVictim(
      await run(waits),
      (blocker, name) => lock(waits.findIndex((one) => one.owner === blocker) - 1) === name,
    );
  });

  it('of one who takes several, and one who waits for what he has taken so far', async () => {
    await acquire(node(0), 'many b', 'one');
    const since = performance.now();
    const many = acquireMany(
      node(1),
      'all',
      ['many a', 'many b'].map((name) => ({ name, mode: 'exclusive' })),
      { waitMs: 20_000 },
    );
    await eventually(async () => (await look(node(0), 'many b')).waitersCount === 1, { what: 'all to wait' });
    const one = acquire(node(2), 'many a', 'one', { waitMs: 20_000 });
    expect(await Promise.race([many, one])).toMatchObject({ ok: false, reason: 'deadlock' });
    expect(performance.now() - since).toBeLessThan(WITHIN_MS + 500);
    await release(node(0), 'many b', 'one');
    const answers = await Promise.all([many, one]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('by an upgrade that waits for one who waits for its owner', async () => {
    await acquire(node(0), 'up', 'up a', { mode: 'shared' });
    await acquire(node(1), 'up', 'up b', { mode: 'shared' });
    await acquire(node(2), 'up other', 'up a');
    const since = performance.now();
    const upgrade = acquire(node(0), 'up', 'up a', { waitMs: 20_000 });
    const other = acquire(node(1), 'up other', 'up b', { waitMs: 20_000 });
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

  // Together: the first waits for longer than a deadlock takes to be found, the others are busy for as long as is wished.
  it.concurrent('do not take a wait for one that a limit lets go on', async () => {
    // a and b share what both wait for; c, who waits for nobody, shares it too, and one who leaves is enough.
    for (const owner of ['a', 'b', 'c']) await acquire(node(0), 'limited', owner, { mode: 'shared' });
    await acquire(node(1), 'limited other', 'd');
    const waits = ['a', 'b'].map((owner) => acquire(node(1), 'limited other', owner, { waitMs: 20_000 }));
    const d = acquire(node(2), 'limited', 'd', { mode: 'shared', limit: 3, waitMs: 20_000 });
    await eventually(async () => ((await look(node(0), 'limited')).waiters[0]?.waitingMs ?? 0) > 1.5 * WITHIN_MS, {
      what: 'more than the time in which a deadlock is found',
      timeoutMs: 10_000,
    });
    await release(node(0), 'limited', 'c');
    expect(await d).toMatchObject({ ok: true });
    await release(node(1), 'limited other', 'd');
    expect(await waits[0]).toMatchObject({ ok: true });
    await release(node(1), 'limited other', 'a');
    expect(await waits[1]).toMatchObject({ ok: true });
  });

  it.concurrent(
    'are not seen where there are none: random traffic in one order of locks',
    async () => {
      const traffic = new Traffic(cluster.nodes, { owners: 24, locks: 4, seed: 7, ordered: true });
      const { granted, deadlocks, timeouts, violations } = await traffic.run(TRAFFIC_MS);
      console.log(`ordered: ${granted} granted`);
      expect(violations).toEqual([]);
      expect({ deadlocks, timeouts }).toEqual({ deadlocks: 0, timeouts: 0 });
      expect(granted).toBeGreaterThan(100);
    },
    TRAFFIC_MS + 60_000,
  );

  it.concurrent(
    'are all ended in random traffic that runs into them',
    async () => {
      const traffic = new Traffic(cluster.nodes, { owners: 24, locks: 6, seed: 11, ordered: false });
      const { granted, deadlocks, timeouts, violations } = await traffic.run(TRAFFIC_MS);
      console.log(`unordered: ${granted} granted, ${deadlocks} deadlocks`);
      expect(violations).toEqual([]);
      expect(deadlocks).toBeGreaterThan(0);
      // Nobody holds for long but in a deadlock, so that nobody waits for as long as this.
      expect(timeouts).toBe(0);
      expect(granted).toBeGreaterThan(50);
    },
    TRAFFIC_MS + 60_000,
  );
});
