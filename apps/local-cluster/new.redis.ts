import { Redis } from 'ioredis';
import { MembershipKeys } from '#lib/membership';

/** Services that hold back after a start of Redis in which something may have been lost (docs: grace-over). */
const HOLDING_SERVICES: readonly string[] = [];

/**
 * Tells the nodes that nothing can have been lost before this run of Redis, because there was nothing: its data
 * directory was made just now. They then serve at once instead of holding back for what earlier nodes may still hold.
 * @param prefix REDIS_KEY_PREFIX of the nodes
 */
export async function announceNewRedis(redisUrl: string, prefix: string): Promise<void> {
  if (HOLDING_SERVICES.length === 0) return;
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 0 });
  try {
    const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1] ?? '';
    const { graceOver } = new MembershipKeys(prefix);
    await redis.hset(graceOver, Object.fromEntries(HOLDING_SERVICES.map((service) => [service, runId])));
  } finally {
    redis.disconnect();
  }
}
