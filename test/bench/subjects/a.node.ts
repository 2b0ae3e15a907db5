import { setTimeout as pause } from 'node:timers/promises';
import { TestNode, type TestRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { cpuSeconds, residentMegabytes } from '../process.usage.js';
import { startBareApp, type Server } from '../servers.js';

const START = 'start to ready';
const MEMORY = 'memory when idle';
const CPU = 'CPU when idle';
const POLL_MS = 10;
/** V8 tidies up some ten seconds after a start, for the most of a second; that is no part of being idle. */
const SETTLE_MS = 20_000;

/** What a node costs before anybody asks it for anything. @param compared whether another one is measured beside it */
export function aNode(redis: TestRedis, forMs: number, compared: boolean): Subject {
  const contender = (name: string, role: Contender['role'], start: () => Promise<Omit<Server, 'port'>>): Contender => ({
    name,
    role,
    start: async () => {
      // What is compiled at one start is only loaded at the next, as in an image.
      await (await start()).stop();
      return {
        round: async () => {
          const began = performance.now();
          const server = await start();
          const startMs = performance.now() - began;
          await pause(SETTLE_MS);
          const [usedBefore, idleFrom] = [cpuSeconds(server.pid), performance.now()];
          await pause(forMs);
          const used = cpuSeconds(server.pid) - usedBefore;
          const idleSeconds = (performance.now() - idleFrom) / 1000;
          const memory = residentMegabytes(server.pid);
          await server.stop();
          return { [START]: startMs, [MEMORY]: memory, [CPU]: (100 * used) / idleSeconds };
        },
        stop: () => Promise.resolve(),
      };
    },
  });
  return {
    name: 'A node by itself',
    unit: { [START]: 'ms', [MEMORY]: 'MB', [CPU]: '% of a core' },
    contenders: [
      contender('node', 'product', () => startNode(redis)),
      ...(compared ? [contender('Nest without anything of the product', 'control', () => startBareApp('plain'))] : []),
    ],
    targets: [
      { measure: START, atMost: 1500 },
      { measure: MEMORY, atMost: 120 },
      { measure: CPU, atMost: 1 },
    ],
    rounds: 3,
    startsAnew: true,
  };
}

async function startNode(redis: TestRedis): Promise<Omit<Server, 'port'>> {
  const node = await TestNode.create({ redisUrl: redis.url, nodeId: 'node1', env: { LOG_LEVEL: 'warn' } });
  await node.launch();
  while (!(await isReady(node))) await pause(POLL_MS);
  return {
    pid: node.pid,
    stop: async () => {
      await node.stop();
    },
  };
}

async function isReady(node: TestNode): Promise<boolean> {
  if (!node.running) throw new Error(`the node ended at its start: ${node.log().join('\n')}`);
  return await node.get('/health').then(
    ({ status }) => status === 200,
    () => false,
  );
}
