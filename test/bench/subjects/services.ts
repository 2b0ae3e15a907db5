import type { TestRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { startInProcess } from '../programs/program.js';

/** The services in the process of their user, 32 calls under way, beside what else there is for Node. */
export function services(redis: TestRedis, forMs: number): Subject[] {
  const contender = (name: string, role: Contender['role']): Contender => ({
    name,
    role,
    start: async () => await startInProcess(name, redis.url, forMs),
  });
  return [
    {
      name: 'Locks, in-process',
      unit: '/s',
      contenders: [
        contender('LockService', 'product'),
        contender('redlock', 'rival'),
        contender('verrou', 'rival'),
        contender('Redis SET NX and DEL', 'limit'),
      ],
      targets: [{ measure: 'acquire and release', against: 'redlock', atLeast: 1 }],
    },
    {
      name: 'Queues, in-process',
      unit: '/s',
      contenders: [contender('QueueService', 'product'), contender('BullMQ', 'rival')],
      targets: [
        { measure: 'push', against: 'BullMQ', atLeast: 1 },
        { measure: 'pop and acknowledge', against: 'BullMQ', atLeast: 1 },
      ],
    },
    {
      name: 'Cache hits, in-process',
      unit: '/s',
      contenders: [
        contender('CacheService.readFromMemory', 'product'),
        contender('lru-cache', 'rival'),
        contender('lru-cache and two clocks', 'limit'),
        contender('bentocache', 'rival'),
      ],
      targets: [
        { measure: 'hit', against: 'lru-cache', atLeast: 0.5 },
        { measure: 'hit', against: 'bentocache', atLeast: 3 },
      ],
    },
  ];
}
