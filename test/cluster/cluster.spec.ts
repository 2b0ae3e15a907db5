import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually, get, reservePorts, startCluster, startNode, startRedis, TestNode } from './index.js';

/** What a node keeps of its start; some 165 where it would not give back what loading took. */
const IDLE_NODE_MB = 140;

describe('waiting', () => {
  it('ends when the condition holds, with what was found', async () => {
    let asked = 0;
    const found = await eventually(() => (++asked === 3 ? 'it' : undefined), { what: 'the third time', everyMs: 1 });
    expect(found).toBe('it');
  });

  it('says what it waited for, and the last failure', async () => {
    const failing = () => {
      throw new Error('not there');
    };
    const waiting = eventually(failing, { what: 'nothing', timeoutMs: 30, everyMs: 5 });
    await expect(waiting).rejects.toThrow('Waited 30 ms for nothing: not there');
  });
});

/** Resident memory in MB; 0 where the system does not tell. */
function memoryOf(pid: number): number {
  const status = `/proc/${pid}/status`;
  return existsSync(status) ? Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]) / 1000 : 0;
}

it('ports are given out once, and in a row where several are asked for', async () => {
  const ports = await Promise.all([1, 3, 1, 1].map(reservePorts));
  const [first = 0] = ports;
  expect(ports).toEqual([first, first + 1, first + 4, first + 5]);
});

it('ports do not end with the first block of a process', async () => {
  const [one, other] = await Promise.all([60, 60].map(reservePorts));
  expect(Math.abs((one ?? 0) - (other ?? 0))).toBeGreaterThanOrEqual(60);
});

describe('a cluster of processes', () => {
  it('is ready when it has started, and gone when it was stopped', async () => {
    const cluster = await startCluster({ nodes: 3 });
    for (const [index, node] of cluster.nodes.entries()) {
      expect((await node.get('/health')).body).toEqual({ status: 'ok', node: `node${index + 1}` });
      expect(memoryOf(node.pid), 'MB').toBeLessThan(IDLE_NODE_MB);
    }
    await cluster.stop();
    expect(cluster.nodes.map((node) => node.running)).toEqual([false, false, false]);
    await expect(get(`${cluster.node(1).url}/health`)).rejects.toThrow();
  });

  it('has nodes that can be killed, started, paused and stopped, and that keep their logs', async () => {
    await using cluster = await startCluster({ nodes: 1 });
    const node = cluster.node(1);
    const { pid } = node;
    await node.kill('SIGKILL');
    expect(await node.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await node.start();
    expect(node.pid).not.toBe(pid);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    await node.start();
    node.pause();
    await expect(node.get('/health', { signal: AbortSignal.timeout(300) })).rejects.toThrow();
    node.resume();
    await node.ready();
    expect(node.log().length).toBeGreaterThan(0);
  });

  it('has a Redis that can be killed and started again', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'alone' });
    await redis.kill();
    await eventually(async () => (await node.get('/health')).status === 503, { what: 'the node to miss Redis' });
    await redis.restart();
    await node.ready();
  });

  it('shows the log of a node that does not start', async () => {
    await using node = await TestNode.create({
      redisUrl: 'redis://127.0.0.1:1',
      nodeId: 'node1',
      env: { REDIS_TIMEOUT_MS: 'soon' },
    });
    await expect(node.start()).rejects.toThrow(/ended at its start[^]*REDIS_TIMEOUT_MS must be/);
  });
});
