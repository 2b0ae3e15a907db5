import { it } from 'vitest';
import { eventually, startCluster } from '../cluster/index.js';

it('schedules go on while the nodes that run them are killed one after the other', { timeout: 90_000 }, async () => {
  await using cluster = await startCluster({ nodes: 3 });
  const queue = 'scheduled';
  await Promise.all(
    Array.from({ length: 20 }, async (_, id) => {
      await cluster.node(1 + (id % 3)).post('/queue/schedule', { queue, id: String(id), payload: id, everyMs: 1000 });
    }),
  );
  /** Each schedule runs, within what BullMQ needs to miss a worker. */
  const allRun = async (node: number) => {
    const missing = new Set(Array.from({ length: 20 }, (_, id) => id));
    await eventually(
      async () => {
        const { body } = await cluster.node(node).post('/queue/pop', { queue, count: 100, waitMs: 1000 });
        for (const id of (body['items'] ?? []) as number[]) missing.delete(id);
        return missing.size === 0;
      },
      { what: 'each schedule to run', timeoutMs: 40_000 },
    );
  };
  await allRun(2);
  for (const victim of cluster.nodes) {
    await victim.kill('SIGKILL');
    await victim.start();
  }
  await cluster.node(1).post('/queue/purge', { queue });
  await allRun(1);
});
