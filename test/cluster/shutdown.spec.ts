import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, startNode, startRedis, TestNode } from './index.js';

/** Long after what these tests wait for, so that a stop that waits for the grace is seen. */
const SHUTDOWN_GRACE_MS = '25000';

describe('a node that is told to stop', () => {
  it('does so while Redis is away', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { SHUTDOWN_GRACE_MS } });
    await redis.kill();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  it('does so where Redis was never there', async () => {
    await using node = await TestNode.create({ redisUrl: 'redis://127.0.0.1:1', nodeId: 'node1' });
    await node.launch();
    await eventually(async () => (await node.get('/health/live')).status === 200, { what: 'the node to listen' });
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  it('does not wait for connections on which nothing was ever asked', async () => {
    await using redis = await startRedis();
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { SHUTDOWN_GRACE_MS } });
    const idle = connect(node.port, '127.0.0.1');
    onTestFinished(() => {
      idle.destroy();
    });
    await once(idle, 'connect');
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });
});
