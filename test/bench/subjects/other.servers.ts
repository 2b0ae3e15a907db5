import type { TestRedis } from '../../cluster/index.js';
import type { Contender } from '../bench.js';
import { get, HttpLoad, post, type Connection, type NextCall } from '../http.load.js';
import { startEtcd, startWebdis } from '../servers.js';

const LINES = 100;

/** etcd's lock over its HTTP gateway, all locks under one lease; it syncs every change to its disk, as Redis does. */
export function etcd(connections: number, forMs: number): Contender {
  const start = async () => {
    const server = await startEtcd();
    const load = await HttpLoad.connect(server.port, connections);
    const [lease] = await leasesOf(load.connections.slice(0, 1));
    let names = 0;
    return {
      round: async () => {
        const keys: string[] = [];
        const acquire: NextCall = () => ({
          request: post('/v3/lock/lock', { name: Buffer.from(`lock ${names++}`).toString('base64'), lease }),
          accept: (body, status) => {
            const { key } = JSON.parse(body) as { key?: string };
            if (key !== undefined) keys.push(key);
            return status === 200 && key !== undefined;
          },
        });
        const release: NextCall = () => {
          const key = keys.pop();
          if (key === undefined) return undefined;
          return { request: post('/v3/lock/unlock', { key }), accept: (_body, status) => status === 200 };
        };
        return { acquire: await load.closed(acquire, forMs), release: await load.closed(release, Infinity) };
      },
      stop: async () => {
        load.close();
        await server.stop();
      },
    };
  };
  return { name: 'etcd', role: 'rival', start };
}

/** @returns a lease of an hour for each connection */
export async function leasesOf(connections: readonly Connection[]): Promise<string[]> {
  const leases: string[] = [];
  for (const connection of connections) {
    await connection.make({
      request: post('/v3/lease/grant', { TTL: 3600 }),
      accept: (body) => leases.push((JSON.parse(body) as { ID: string }).ID) > 0 && leases.at(-1) !== '',
    });
  }
  return leases;
}

/** GET of Redis over HTTP by webdis, beside a read of the cache. */
export function webdis(redis: TestRedis, connections: number, forMs: number): Contender {
  const start = async () => {
    const server = await startWebdis(redis);
    for (let line = 0; line < LINES; line += 1) await redis.command('SET', `webdis:${line}`, `{"number":${line}}`);
    const load = await HttpLoad.connect(server.port, connections);
    let number = 0;
    const read: NextCall = () => {
      const line = number++ % LINES;
      return {
        request: get(`/GET/webdis:${line}`),
        accept: (body, status) => status === 200 && body === JSON.stringify({ GET: `{"number":${line}}` }),
      };
    };
    return {
      round: async () => ({ read: await load.closed(read, forMs) }),
      stop: async () => {
        load.close();
        await server.stop();
      },
    };
  };
  return { name: 'webdis', role: 'rival', start };
}
