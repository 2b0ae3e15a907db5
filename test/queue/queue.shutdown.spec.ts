import { describe, expect, it } from 'vitest';
import { eventually, startNode, startRedis, TestNode } from '../cluster/index.js';

const STOP_MS = 5000;

/** What runs schedules waits for Redis by itself: a node must stop all the same. */
describe('a node with queues stops', { timeout: 40_000 }, () => {
  const stopTime = async (node: TestNode) => {
    const started = performance.now();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    return performance.now() - started;
  };

  it('with Redis, and waiting pops are let go', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1' });
    await node.post('/queue/schedule', { queue: 'q', id: 's', payload: 1, everyMs: 1000 });
    const waiting = node.post('/queue/pop', { queue: 'other', waitMs: 30_000 });
    await node.get('/queue?queue=other');
    expect(await stopTime(node)).toBeLessThan(STOP_MS);
    const { status, body } = await waiting;
    expect(status).toBe(503);
    expect(body['mayHaveTakenEffect']).toBe(false);
  });

  it('though Redis went away', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1' });
    await node.get('/admin/queues');
    await redis.kill('SIGKILL');
    await eventually(async () => (await node.get('/queue?queue=q')).status === 503, { what: 'the node to miss Redis' });
    expect((await node.get('/admin/queues/api/queues')).status).toBe(503);
    expect(await stopTime(node)).toBeLessThan(STOP_MS);
  });

  it('though Redis was never there', async () => {
    await using node = await TestNode.create({ redisUrl: 'redis://127.0.0.1:1', nodeId: 'node1' });
    await node.launch();
    await eventually(async () => (await node.get('/health/live')).status === 200, {
      what: 'the node',
      timeoutMs: 15_000,
    });
    expect((await node.post('/queue/push', { queue: 'q', payload: 1 })).status).toBe(503);
    expect(await stopTime(node)).toBeLessThan(STOP_MS);
  });
});
