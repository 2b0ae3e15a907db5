import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Chance } from '../chance.js';
import { startCluster, type TestCluster } from '../cluster/index.js';
import { Traffic } from './traffic.js';

/** The full number of 100 000 takes some minutes: QUEUE_MESSAGES=100000. */
const MESSAGES = Number(process.env['QUEUE_MESSAGES'] ?? 10_000);
const SEED = Number(process.env['QUEUE_SEED'] ?? Date.now() % 2 ** 31);
const LONG = { timeout: 60_000 + MESSAGES * 20 };

describe(`20 producers and 20 consumers on three nodes, ${MESSAGES} messages (QUEUE_SEED=${SEED})`, () => {
  let cluster: TestCluster | undefined;

  afterEach(async () => {
    await cluster?.stop();
  });

  const sizes = { messages: MESSAGES, producers: 20, consumers: 20, seed: SEED };

  it('deliver each message once, without faults', LONG, async () => {
    cluster = await startCluster({ nodes: 3 });
    const traffic = new Traffic(cluster, { queue: 'calm', ...sizes });
    const started = performance.now();
    await traffic.run();
    console.info(`${MESSAGES} messages in ${Math.round(performance.now() - started)} ms`);
    expect(traffic.acknowledged.size).toBe(MESSAGES);
    expect(traffic.deliveries.size).toBe(MESSAGES);
    expect([...traffic.deliveries.values()].every((count) => count === 1)).toBe(true);
    const stats = await cluster.node(1).get('/queue?queue=calm');
    expect(stats.body).toMatchObject({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
  });

  it(
    'acknowledge every message in the end, and get none again that was, while nodes and consumers die',
    LONG,
    async () => {
      cluster = await startCluster({ nodes: 3 });
      const { nodes, redis } = cluster;
      const queue = 'stormy';
      const traffic = new Traffic(cluster, {
        queue,
        ...sizes,
        messages: Math.ceil(MESSAGES * 0.6),
        deathRate: 0.05,
        visibilityMs: 1000,
        batch: 5,
      });
      const chance = new Chance(SEED);
      let kills = 0;
      const stop = new AbortController();
      const storm = async () => {
        while (!stop.signal.aborted && !traffic.done) {
          await pause(400 + chance.below(400));
          const victim = chance.of(nodes);
          await victim.kill('SIGKILL');
          kills += 1;
          await pause(chance.below(300));
          await victim.start();
        }
      };
      const storming = storm();
      try {
        await traffic.run(AbortSignal.timeout(LONG.timeout - 20_000));
      } finally {
        stop.abort();
        await storming;
      }
      console.info(
        `${kills} nodes killed, ${traffic.deaths} deaths of consumers, ${traffic.retried} pushes tried again`,
      );
      expect(kills).toBeGreaterThan(0);
      expect(redis.pid).toBeGreaterThan(0);
      expect(traffic.missing).toBe(0);
      expect(traffic.violations).toEqual([]);
      // What is left is what perhaps was acknowledged: it comes, or not, but nothing else does.
      const left = await drain(cluster, queue);
      expect(left.filter((item) => traffic.acknowledged.has(item))).toEqual([]);
      expect(left.every((item) => traffic.perhaps.has(item))).toBe(true);
    },
  );
});

/** Takes what is left of a queue, deliveries still out and dead letters included. */
async function drain(cluster: TestCluster, queue: string): Promise<number[]> {
  const items: number[] = [];
  for (;;) {
    await cluster.node(1).post('/queue/redrive', { queue });
    const answer = await cluster.node(1).post('/queue/pop', { queue, count: 100, waitMs: 200 });
    items.push(...((answer.body['items'] ?? []) as number[]));
    const { ready, inflight, dead } = (await cluster.node(2).get(`/queue?queue=${queue}`)).body;
    if (ready === 0 && inflight === 0 && dead === 0) return items;
  }
}
