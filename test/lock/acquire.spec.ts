import { beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../cluster/index.js';

describe('a lock over HTTP', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    return () => cluster.stop();
  });
  const call = async (node: number, path: string, body: Record<string, string | number | string[]>) =>
    (await cluster.node(node).post(path, body)).body;

  it('is taken, refused, released and taken on another node', async () => {
    const [a, b] = [
      { name: 'r1', owner: 'a', mode: 'exclusive' },
      { name: 'r1', owner: 'b', mode: 'exclusive' },
    ];
    const first = await call(1, '/lock/acquire', a);
    expect(first).toMatchObject({ ok: true, leaseMs: 30_000 });
    expect(await call(2, '/lock/acquire', b)).toEqual({ ok: false, reason: 'locked' });
    expect(await call(2, '/lock/release', b)).toEqual({ ok: false, reason: 'not_owner' });
    expect(await call(2, '/lock/acquire', a)).toEqual(first);
    expect(await call(1, '/lock/release', { ...a, mode: 'shared' })).toEqual({ ok: false, reason: 'not_held' });
    expect(await call(1, '/lock/release', { ...a, token: 1 })).toEqual({ ok: false, reason: 'stale_token' });
    expect(await call(1, '/lock/release', a)).toEqual({ ok: true });
    expect(await call(1, '/lock/release', a)).toEqual({ ok: false, reason: 'not_held' });
    const second = await call(2, '/lock/acquire', b);
    expect(second['token']).toBeGreaterThan(first['token'] as number);
    expect((await cluster.node(1).get('/lock?name=r1')).body).toMatchObject({
      ok: true,
      lock: {
        name: 'r1',
        mode: 'exclusive',
        token: second['token'],
        holders: [{ owner: 'b', mode: 'exclusive' }],
        waiters: [],
      },
    });
  });

  it('is handed to who waits for it', async () => {
    const a = await call(1, '/lock/acquire', { name: 'r2', owner: 'a', mode: 'exclusive' });
    const waiting = call(2, '/lock/acquire', { name: 'r2', owner: 'b', mode: 'exclusive', waitMs: 5000 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await cluster.node(1).get('/lock?name=r2')).body).toMatchObject({
      lock: { waiters: [{ owner: 'b', mode: 'exclusive', node: 'node2' }] },
    });
    const released = performance.now();
    expect(await call(1, '/lock/release', { name: 'r2', owner: 'a' })).toEqual({ ok: true });
    const b = await waiting;
    console.log('handed over in', performance.now() - released);
    expect(b).toMatchObject({ ok: true });
    expect(b['token']).toBeGreaterThan(a['token'] as number);
    expect(b['waitedMs']).toBeGreaterThan(150);
  });
});
