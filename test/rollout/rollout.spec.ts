import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, post, startCluster, type TestCluster } from '../cluster/index.js';
import { findProgram } from '../tools/debian.program.js';
import { Balancer } from './balancer.js';
import { CacheClients } from './cache.clients.js';
import { Caller } from './caller.js';
import { LockClients } from './lock.clients.js';
import { QueueClients } from './queue.clients.js';

const ROUNDS = 3;
/**
 * Over the half second that HAProxy takes to see that a node goes (two checks, 200 ms apart) and the half second for which
 * most clients wait. `SHUTDOWN_NOTICE_MS=0 vitest run test/rollout` shows what it is good for.
 */
const NOTICE_MS = process.env['SHUTDOWN_NOTICE_MS'] ?? '1500';

const haproxy = await findProgram('haproxy');

describe.skipIf('why' in haproxy)(`three nodes behind HAProxy${'why' in haproxy ? `: ${haproxy.why}` : ''}`, () => {
  let cluster: TestCluster;
  let balancer: Balancer;
  beforeAll(async () => {
    if ('why' in haproxy) return undefined;
    cluster = await startCluster({ env: { SHUTDOWN_NOTICE_MS: NOTICE_MS, TRUSTED_PROXIES: '1' } });
    balancer = await Balancer.start(haproxy, cluster.nodes);
    return async () => {
      await balancer.stop();
      await cluster.stop();
    };
  });

  it('a node hears that a client who waits has hung up', async () => {
    const waiting = async () => {
      const metrics = await Promise.all(cluster.nodes.map((node) => node.get('/metrics')));
      return metrics.filter(({ text }) => text.includes('sync_http_waiting_requests 1')).length;
    };
    const client = new AbortController();
    const pop = post(`${balancer.url}/queue/pop`, { queue: 'left', waitMs: 60_000 }, { signal: client.signal });
    await eventually(async () => (await waiting()) === 1, { what: 'the pop to wait' });
    client.abort();
    await expect(pop).rejects.toThrow();
    await eventually(async () => (await waiting()) === 0, { what: 'the node to hear of it' });
  });

  it('are all replaced, again and again, and no call fails or is answered wrong', { timeout: 300_000 }, async () => {
    const stop = new AbortController();
    const caller = new Caller(balancer.url, stop.signal);
    const [locks, queues, cache] = [new LockClients(caller), new QueueClients(caller), new CacheClients(caller)];
    const clients = Promise.all([locks.run(), queues.run(), cache.run()]);

    const started = performance.now();
    for (let round = 1; round <= ROUNDS; round += 1) await replaceAll();
    const seconds = (performance.now() - started) / 1000;
    stop.abort();
    await clients;

    console.log(
      `${ROUNDS * cluster.nodes.length} nodes replaced in ${seconds.toFixed(1)} s: ${caller.calls} calls, ` +
        `${caller.failures.length} failed, ${caller.wrong.length} wrong; ${locks.granted} locks granted, ` +
        `${queues.messages} messages, ${cache.reads} reads, ${caller.told} long waits told to ask again`,
    );
    expect(caller.failures).toEqual([]);
    expect(caller.wrong).toEqual([]);
    expect(queues.missing).toBe(0);
    // The balancer has hidden nothing: it never had to try a connection again, or to send a call elsewhere.
    const rows = (await balancer.rows()).filter(({ pxname }) => pxname === 'nodes');
    expect(rows.map(({ svname, wretr, wredis }) => ({ svname, wretr, wredis }))).toEqual(
      ['node1', 'node2', 'node3', 'BACKEND'].map((svname) => ({ svname, wretr: '0', wredis: '0' })),
    );
  });

  /** One node after the other, as a deployment does it: the next one when the balancer has the last one back. */
  async function replaceAll(): Promise<void> {
    for (const node of cluster.nodes) {
      expect(await node.stop()).toEqual({ code: 0, signal: null });
      await node.start();
      await balancer.untilUp(node);
    }
  }
});
