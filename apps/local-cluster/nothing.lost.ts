import { Redis } from 'ioredis';
import { GRACE_OVER as CACHE } from '#lib/cache';
import { MembershipKeys } from '#lib/membership';

/** Services that hold back when they start on a Redis of which they cannot know whether it lost something. */
const HOLDING_SERVICES = [CACHE, 'lock'];

/**
 * Tells processes to come that the run of Redis that answers now has lost nothing, so that they serve at once. True of
 * a Redis whose data directory is new, and of one that synced every write before it answered.
 * @param prefix REDIS_KEY_PREFIX of the nodes
 * @throws Error where Redis does not answer; nothing is wrong then, the nodes only hold back
 */
export async function announceNothingLost(redisUrl: string, prefix: string): Promise<void> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1] ?? '';
    const { graceOver } = new MembershipKeys(prefix);
    await redis.hset(graceOver, Object.fromEntries(HOLDING_SERVICES.map((service) => [service, runId])));
  } finally {
    redis.disconnect();
  }
}
