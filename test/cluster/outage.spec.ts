import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, startNode, startRedis, type JsonObject, type TestCluster } from './index.js';

const REDIS_TIMEOUT_MS = 500;
/** What a request may cost beside its wait for Redis, on a busy machine. */
const TURN_MS = 1000;

describe('with Redis away', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, env: { REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS) } });
  });
  afterAll(async () => {
    await cluster.stop();
  });

  const calls: [string, JsonObject][] = [
    ['/lock/acquire', { name: 'outage', mode: 'exclusive', owner: 'me' }],
    ['/queue/push', { queue: 'outage', payload: 1 }],
    ['/cache/write', { key: 'outage', value: 1 }],
  ];

  const everyNode = async (look: (node: TestCluster['nodes'][number]) => Promise<void>) => {
    await Promise.all(cluster.nodes.map(look));
  };

  const refuses = (hanging: boolean) =>
    everyNode(async (node) => {
      for (const [path, body] of calls) {
        const started = performance.now();
        const answer = await node.post(path, body);
        expect(performance.now() - started).toBeLessThan(REDIS_TIMEOUT_MS + TURN_MS);
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(answer.body).toMatchObject({ status: 503, mayHaveTakenEffect: expect.any(Boolean) });
        if (!hanging) expect(answer.body).toMatchObject({ mayHaveTakenEffect: false });
      }
    });

  const isUnready = () =>
    everyNode(async (node) => {
      await eventually(async () => (await node.get('/health')).status === 503, { what: `${node.id} to be unready` });
      expect((await node.get('/health')).body).toStrictEqual({ status: 'error', node: node.id });
      expect((await node.get('/health/ready')).status).toBe(503);
      expect((await node.get('/health/live')).status).toBe(200);
    });

  const servesWithin = (ms: number) =>
    everyNode(async (node) => {
      for (const [path, body] of calls) {
        await eventually(async () => (await node.post(path, body)).status === 200, {
          what: `${node.id} to serve ${path}`,
          timeoutMs: ms,
        });
      }
      expect((await node.get('/health')).status).toBe(200);
    });

  it('refuses in time, is not ready but alive, and serves by itself when Redis is back', async () => {
    await servesWithin(5000);
    await cluster.redis.kill();
    await isUnready();
    await refuses(false);
    await cluster.redis.restart();
    await servesWithin(2000);
  });

  it('does the same when Redis hangs instead of being gone', async () => {
    cluster.redis.pause();
    await refuses(true);
    await isUnready();
    cluster.redis.resume();
    await servesWithin(2000);
  });
});

it('a node says in its log, readiness and metrics that Redis does not sync every write', async () => {
  await using redis = await startRedis();
  await redis.command('config', 'set', 'appendfsync', 'everysec');
  await using node = await startNode({ redisUrl: redis.url, nodeId: 'weak' });
  const complaint = 'Redis does not sync every write (appendonly yes, appendfsync always)';
  expect(node.log().join('\n')).toContain(complaint);
  const { status, body } = await node.get('/health/ready');
  expect(status).toBe(200);
  expect(body).toMatchObject({ details: { durability: { status: 'degraded', message: complaint } } });
  expect((await node.get('/metrics')).text).toMatch(/^sync_redis_durable(\{[^}]*\})? 0$/m);
});
