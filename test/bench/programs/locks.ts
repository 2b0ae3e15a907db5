import { Verrou } from '@verrou/core';
import { redisStore } from '@verrou/core/drivers/redis';
import { Redis } from 'ioredis';
import Redlock from 'redlock';
import { perSecond, type StartRun } from './measures.js';
import { startServices } from './services.js';

const LEASE_MS = 60_000;
let names = 0;

const freshName = () => `lock-${process.pid}-${names++}`;

/** A lock that nobody else wants is taken and let go. */
export const locks: Readonly<Record<string, StartRun>> = {
  LockService: async (url) => {
    const { locks: service } = await startServices(url);
    return async (forMs) => {
      const pair = async () => {
        const name = freshName();
        const granted = await service.acquire({ name, owner: 'bench', mode: 'exclusive', leaseMs: LEASE_MS });
        if (!granted.ok || granted.token <= 0) return false;
        return (await service.release({ name, owner: 'bench', token: granted.token })).ok;
      };
      return { 'acquire and release': (await perSecond(pair, forMs)).rate };
    };
  },
  redlock: (url) => {
    // Its types are older than this ioredis; it uses eval alone.
    const client = new Redis(url, { enableAutoPipelining: true }) as unknown as Redlock.CompatibleRedisClient;
    const redlock = new Redlock([client], { retryCount: 0 });
    return async (forMs) => {
      const pair = async () => {
        const lock = await redlock.lock(freshName(), LEASE_MS);
        await lock.unlock();
        return true;
      };
      return { 'acquire and release': (await perSecond(pair, forMs)).rate };
    };
  },
  verrou: (url) => {
    const driver = redisStore({ connection: new Redis(url, { enableAutoPipelining: true }) });
    const verrou = new Verrou({ default: 'redis', stores: { redis: { driver } } });
    return async (forMs) => {
      const pair = async () => {
        const lock = verrou.createLock(freshName(), LEASE_MS);
        if (!(await lock.acquire({ retry: { attempts: 1 } }))) return false;
        await lock.release();
        return true;
      };
      return { 'acquire and release': (await perSecond(pair, forMs)).rate };
    };
  },
  'Redis SET NX and DEL': (url) => {
    const redis = new Redis(url, { enableAutoPipelining: true });
    return async (forMs) => {
      const pair = async () => {
        const name = freshName();
        if ((await redis.set(name, 'bench', 'PX', LEASE_MS, 'NX')) !== 'OK') return false;
        return (await redis.del(name)) === 1;
      };
      return { 'acquire and release': (await perSecond(pair, forMs)).rate };
    };
  },
};
