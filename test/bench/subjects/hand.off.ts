import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import Redlock from 'redlock';
import { eventually, post as ask, startCluster, type TestCluster, type TestRedis } from '../../cluster/index.js';
import type { Contender, Session, Subject } from '../bench.js';
import { competition, type Competitor } from '../competition.js';
import { Connection, post } from '../http.load.js';
import { startEtcd } from '../servers.js';
import { latencies } from '../statistics.js';
import { leasesOf } from './other.servers.js';
import { PING, REST_MS, redisRoundTrips, SCRIPT } from './redis.round.trip.js';

const PRODUCT = 'three nodes';
/** Most that redlock is asked to serve: it asks again every 200 ms or so, which with 1000 were 5000 calls a second. */
const MOST_POLLING = 30;
const LEASE_MS = 600_000;
const FILL_MS = 60_000;
/** Of hand-offs in a round, for those that take long. */
const FEWEST = 20;

const waiting = (waiters: number) => `${waiters} waiters`;

/** What a competition needs of a lock service. */
interface Arena {
  /** Those who want the lock of this name: `waiters` and the one who has it. */
  competitors(name: string, waiters: number): readonly Competitor[];
  /** Whether all but one wait for it. */
  allWait(name: string, waiters: number): Promise<boolean>;
}

/** A lock that all want at once, and each gives up after a moment: from when its release is sent to the next's answer. */
async function rounds(arena: Arena, counts: readonly number[], forMs: number) {
  const sample: Record<string, number> = {};
  for (const waiters of counts) {
    const name = `wanted ${process.hrtime.bigint()}`;
    const delays = await competition(arena.competitors(name, waiters), {
      ready: () =>
        eventually(() => arena.allWait(name, waiters), {
          what: `${waiters} to wait`,
          timeoutMs: FILL_MS,
          everyMs: 100,
        }),
      hold: () => pause(REST_MS),
      forMs,
      atLeast: FEWEST,
    });
    Object.assign(sample, latencies(delays, waiting(waiters)));
  }
  return sample;
}

/** Connections that are made once and used by the competitors of every round. */
async function connectTo(ports: readonly number[], most: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let i = 0; i < most; i += 1) connections.push(await Connection.open(ports[i % ports.length] ?? 0));
  return connections;
}

async function session(cluster: TestCluster, counts: readonly number[], forMs: number): Promise<Session> {
  const ports = cluster.nodes.map(({ port }) => port);
  const connections = await connectTo(ports, Math.max(...counts) + 1);
  const arena: Arena = {
    competitors: (name, waiters) => {
      let last = 0;
      return connections.slice(0, waiters + 1).map((connection, number) => {
        const owner = `owner ${number}`;
        let token = 0;
        return {
          acquire: () =>
            connection.make({
              request: post('/lock/acquire', { name, owner, mode: 'exclusive', leaseMs: LEASE_MS, waitMs: 60_000 }),
              accept: (body, status) => {
                ({ token = 0 } = JSON.parse(body) as { token?: number });
                const grown = token > last;
                last = token;
                return status === 200 && grown;
              },
            }),
          release: () =>
            connection.make({
              request: post('/lock/release', { name, owner, token }),
              accept: (body, status) => status === 200 && body === '{"ok":true}',
            }),
        };
      });
    },
    allWait: async (name, waiters) => {
      const { body } = await cluster.node(1).get(`/lock?name=${encodeURIComponent(name)}`);
      return (body['lock'] as { waitersCount?: number } | undefined)?.waitersCount === waiters;
    },
  };
  return {
    round: () => rounds(arena, counts, forMs),
    stop: async () => {
      for (const connection of connections) connection.close();
      await cluster.stop();
    },
  };
}

/** etcd's lock over HTTP; each competitor has a lease, since what it holds is known by that. */
function etcd(counts: readonly number[], forMs: number): Contender {
  const start = async () => {
    const server = await startEtcd();
    const connections = await connectTo([server.port], Math.max(...counts) + 1);
    const leases = await leasesOf(connections);
    const arena: Arena = {
      competitors: (name, waiters) =>
        connections.slice(0, waiters + 1).map((connection, number) => {
          let key = '';
          return {
            acquire: () =>
              connection.make({
                request: post('/v3/lock/lock', { name: base64(name), lease: leases[number] }),
                accept: (body, status) => {
                  ({ key = '' } = JSON.parse(body) as { key?: string });
                  return status === 200 && key !== '';
                },
              }),
            release: () =>
              connection.make({
                request: post('/v3/lock/unlock', { key }),
                accept: (_body, status) => status === 200,
              }),
          };
        }),
      allWait: async (name, waiters) => {
        const range = { key: base64(`${name}/`), range_end: base64(`${name}0`), count_only: true };
        const { body } = await ask(`http://127.0.0.1:${server.port}/v3/kv/range`, range);
        return Number(body['count']) === waiters + 1;
      },
    };
    return {
      round: () => rounds(arena, counts, forMs),
      stop: async () => {
        for (const connection of connections) connection.close();
        await server.stop();
      },
    };
  };
  return { name: 'etcd', role: 'rival', start };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function redlock(redis: TestRedis, counts: readonly number[], forMs: number): Contender {
  const start = () => {
    const client = new Redis(redis.url, { enableAutoPipelining: true });
    // Its types are older than this ioredis; it uses eval alone.
    const redlocks = new Redlock([client as unknown as Redlock.CompatibleRedisClient], { retryCount: -1 });
    const arena: Arena = {
      competitors: (name, waiters) =>
        Array.from({ length: waiters + 1 }, () => {
          let lock: Redlock.Lock | undefined;
          return {
            acquire: async () => {
              lock = await redlocks.lock(name, LEASE_MS);
            },
            release: async () => {
              await lock?.unlock();
            },
          };
        }),
      // It has no queue: who waits is nowhere to be seen.
      allWait: () => Promise.resolve(true),
    };
    return Promise.resolve({
      round: () => rounds(arena, counts, forMs),
      stop: () => {
        client.disconnect();
        return Promise.resolve();
      },
    });
  };
  return { name: 'redlock, polling', role: 'rival', start };
}

/** A lock that is wanted on all nodes at once. @param counts by how many, from few to many */
export function handOff(redis: TestRedis, counts: readonly number[], forMs: number): Subject {
  const [few = 0] = counts;
  const many = counts.at(-1) ?? few;
  const start = async () => await session(await startCluster({ redis }), counts, forMs);
  return {
    name: 'Hand-off of a contended lock across nodes',
    unit: 'ms',
    contenders: [
      { name: PRODUCT, role: 'product', start },
      ...redisRoundTrips(redis, counts.map(waiting), forMs / counts.length),
      etcd(counts, forMs),
      redlock(
        redis,
        counts.filter((waiters) => waiters <= MOST_POLLING),
        forMs,
      ),
    ],
    targets: [
      ...counts.flatMap((waiters) =>
        [PING, SCRIPT].map((against) => ({ measure: `p50, ${waiting(waiters)}`, against, atMost: 3 })),
      ),
      // Work that grows with the waiters would be a multiple. Of a short run this can be chance: the p99s of the round
      // trips, to which the waiters make no difference, lie as far apart.
      { measure: `p99, ${waiting(many)}`, against: PRODUCT, of: `p99, ${waiting(few)}`, atMost: 1.5 },
    ],
    rounds: 5,
    note:
      'From when a release is sent to when the next waiter has its answer; each has the lock for some 2 ms, and waits ' +
      'again when the next one has it. etcd is one server without another to agree with.',
  };
}
