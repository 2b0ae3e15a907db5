import { Queue } from 'bullmq';
import { readSettings, type Settings } from '#lib/config';
import { Draining } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';
import { QueueAdminService } from './queue.admin.service.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';
import type { Delivery, PopResult } from './queue.types.js';
import { QueueSweeper } from './queue.sweeper.js';
import { SCHEDULES, ScheduleService, type ScheduledMessage } from './schedule.service.js';

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
  const internal = new Queue<ScheduledMessage>(SCHEDULES, {
    prefix: `${settings.REDIS_KEY_PREFIX}:{${SCHEDULES}}`,
    connection: { url: redisUrl },
  });
  const schedules = new ScheduleService(settings, internal, membership, redis);
  const sweeper = new QueueSweeper(store, membership);
  membership.onModuleInit();
  await membership.ready;
  sweeper.onModuleInit();
  return {
    settings,
    redis,
    membership,
    draining,
    store,
    queues,
    admin: new QueueAdminService(settings, store, schedules),
    stop: async () => {
      draining.begin();
      sweeper.onModuleDestroy();
      queues.onModuleDestroy();
      await membership.retire();
      await schedules.beforeApplicationShutdown();
      await redis.close();
    },
  };
}

/** What a pop with receipts and `count` gave. */
export function deliveriesOf(answer: PopResult): Delivery[] {
  return answer.ok && 'messages' in answer ? answer.messages : [];
}

/** What a pop without receipts and with `count` gave. */
export function itemsOf(answer: PopResult): unknown[] {
  return answer.ok && 'items' in answer ? answer.items : [];
}

/** The one and the other in turn. */
export function inTurn<One>(pair: readonly [One, One], turn: number): One {
  return turn % 2 === 0 ? pair[0] : pair[1];
}
