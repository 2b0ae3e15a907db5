import { readSettings, type Settings } from '#lib/config';
import { Draining } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';
import { QueueAdminService } from './queue.admin.service.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';

/** What a node has of the queues, in the process of a test: its own connections, instance and channel. */
export interface InProcessNode {
  readonly settings: Settings;
  readonly redis: RedisConnections;
  readonly membership: Membership;
  readonly draining: Draining;
  readonly store: QueueStore;
  readonly queues: QueueService;
  readonly admin: QueueAdminService;
  stop(): Promise<void>;
}

/** @param environment settings besides the defaults */
export async function startInProcess(redisUrl: string, environment: NodeJS.ProcessEnv = {}): Promise<InProcessNode> {
  const settings = readSettings({ REDIS_URL: redisUrl, ...environment });
  const redis = new RedisConnections(settings);
  const membership = new Membership(settings, redis);
  const draining = new Draining();
  const store = new QueueStore(settings, redis);
  const queues = new QueueService(settings, store, membership, draining);
  membership.onModuleInit();
  await membership.ready;
  return {
    settings,
    redis,
    membership,
    draining,
    store,
    queues,
    admin: new QueueAdminService(settings, store),
    stop: async () => {
      draining.begin();
      queues.onModuleDestroy();
      await membership.retire();
      await redis.close();
    },
  };
}
