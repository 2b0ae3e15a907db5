import { beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../../test/cluster/index.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 1 });
  return () => cluster.stop();
});

it.each([
  ['GET', '/health', 200],
  ['GET', '/cluster', 200],
  ['GET', '/metrics', 200],
  ['GET', '/nowhere', 404],
  ['POST', '/cluster', 405],
  ['GET', '/cluster?x=%ff', 400],
])('%s %s (%i) carries what an API should send, and nothing of what made it', async (method, path, status) => {
  const answer = await cluster.node(1).request(method, path);
  expect(answer.status).toBe(status);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-node': 'node1',
  });
  for (const name of ['x-powered-by', 'server', 'etag', 'access-control-allow-origin']) {
    expect(answer.headers.get(name), name).toBeNull();
  }
});

it('lets the pages under /docs and /admin load what the node itself serves', async () => {
  for (const path of ['/docs', '/docs/swagger-ui.css', '/admin/queues']) {
    const { headers } = await cluster.node(1).get(path);
    expect(headers.get('content-security-policy'), path).toContain("default-src 'self'");
    expect(headers.get('cache-control'), path).toBe('no-store');
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('x-node'), path).toBe('node1');
  }
  expect((await cluster.node(1).get('/docsx')).headers.get('content-security-policy')).toContain("default-src 'none'");
});

it('keeps idle connections for longer than proxies do', async () => {
  expect((await cluster.node(1).get('/health')).headers.get('keep-alive')).toBe('timeout=75');
});
