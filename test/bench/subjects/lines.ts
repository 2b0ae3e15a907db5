import { startCluster, type TestRedis } from '../../cluster/index.js';
import type { Subject } from '../bench.js';
import { startInProcess } from '../programs/program.js';

const CONTROL = 'Redis SET and GET';
const PRODUCT = 'CacheService among three nodes';

/** Reads and writes of a line of the cache, one call at a time, by how many other nodes have a copy. */
export function lines(redis: TestRedis, forMs: number): Subject {
  return {
    name: 'Latency of a cached line, in-process',
    unit: 'µs',
    contenders: [
      {
        name: PRODUCT,
        role: 'product',
        start: async () => {
          const sharers = await startCluster({ redis, nodes: 2 });
          const ports = sharers.nodes.map(({ port }) => String(port));
          const session = await startInProcess(PRODUCT, redis.url, forMs, ports);
          return {
            round: () => session.round(),
            stop: async () => {
              await session.stop();
              await sharers.stop();
            },
          };
        },
      },
      { name: CONTROL, role: 'control', start: () => startInProcess(CONTROL, redis.url, forMs) },
    ],
    targets: [{ measure: 'p50, write, 2 sharers', against: CONTROL, atMost: 3 }],
    rounds: 5,
  };
}
