import { beforeAll, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { findProgram, type Program } from '../tools/debian.program.js';
import { Balancer } from './balancer.js';
import { CacheClients } from './cache.clients.js';
import { Caller } from './caller.js';
import { LockClients } from './lock.clients.js';
import { QueueClients } from './queue.clients.js';

const ROUNDS = 3;
/** Over the time that HAProxy takes to see it (two checks, 200 ms apart) and the second that short waits take. */
const NOTICE_MS = process.env['SHUTDOWN_NOTICE_MS'] ?? '2000';
let program: Program | { readonly why: string };

beforeAll(async () => {
  program = await findProgram('haproxy');
}, 400_000);

it(
  'no call fails and none is answered wrong while all nodes are replaced, again and again',
  { timeout: 120_000 },
  async ({ skip }) => {
    if ('why' in program) return skip(program.why);
    await using cluster = await startCluster({ env: { SHUTDOWN_NOTICE_MS: NOTICE_MS, TRUSTED_PROXIES: '1' } });
    await using balancer = await Balancer.start(program, cluster.nodes);
    const stop = new AbortController();
    const caller = new Caller(balancer.url, stop.signal);
    const [locks, queues, cache] = [new LockClients(caller), new QueueClients(caller), new CacheClients(caller)];
    const clients = Promise.all([locks.run(), queues.run(), cache.run()]);

    const started = performance.now();
    for (let round = 1; round <= ROUNDS; round += 1) await replaceAll(cluster, balancer);
    stop.abort();
    await clients;
    const ms = performance.now() - started;

    console.log(
      `${ROUNDS * cluster.nodes.length} nodes replaced in ${(ms / 1000).toFixed(1)} s: ${caller.calls} calls, ` +
        `${locks.granted} locks granted, ${queues.messages} messages, ${cache.reads} reads, ` +
        `${caller.told} waits told to ask another node`,
    );
    expect(caller.failures).toEqual([]);
    expect(caller.wrong).toEqual([]);
    expect(queues.missing).toBe(0);
    // What failed was not hidden by the balancer: it never had to ask again, or elsewhere.
    for (const row of (await balancer.rows()).filter(({ pxname }) => pxname === 'nodes')) {
      expect(row).toMatchObject({ wretr: row['svname'] === 'BACKEND' ? '0' : '0', wredis: '0', eresp: '0' });
    }
  },
);

/** One node after the other, as a deployment does it: the next one when the balancer has the last one back. */
async function replaceAll(cluster: TestCluster, balancer: Balancer): Promise<void> {
  for (const node of cluster.nodes) {
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    await node.start();
    await balancer.untilItIs(node, 'UP');
  }
}

it('the balancer tells a node that a waiting client has hung up', async ({ skip }) => {
  if ('why' in program) return skip(program.why);
  await using cluster = await startCluster({ nodes: 3 });
  await using balancer = await Balancer.start(program, cluster.nodes);
  const waiting = async () => {
    const texts = await Promise.all(cluster.nodes.map(async (node) => (await node.get('/metrics')).text));
    return texts.filter((text) => text.includes('sync_http_waiting_requests 1')).length;
  };
  const client = new AbortController();
  const pop = fetch(`${balancer.url}/queue/pop`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ queue: 'left', waitMs: 60_000 }),
    signal: client.signal,
  });
  await eventually(async () => (await waiting()) === 1, { what: 'the pop to wait' });
  client.abort();
  await expect(pop).rejects.toThrow();
  await eventually(async () => (await waiting()) === 0, { what: 'the node to hear of it' });
});
