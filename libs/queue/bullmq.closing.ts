import type { RedisQueueBackend } from 'bullmq';

/** A Queue or Worker of BullMQ. */
interface Closable {
  close(force?: boolean): Promise<void>;
  getBackend(): RedisQueueBackend;
}

/**
 * Closes a Queue or Worker of BullMQ, which for itself would wait for Redis as long as it is away.
 * @param isAway Redis cannot be reached: nothing is waited for
 * @param patienceMs how long its last commands may take otherwise
 */
export async function closeBullmq(one: Closable, isAway: boolean, patienceMs: number): Promise<void> {
  const disconnect = () => {
    const { client, blockingClient } = one.getBackend();
    for (const connection of [client, blockingClient]) {
      connection?.then(
        (redis) => {
          redis.disconnect();
        },
        () => undefined,
      );
    }
  };
  const timer = setTimeout(disconnect, isAway ? 0 : patienceMs);
  try {
    await one.close(isAway);
  } finally {
    clearTimeout(timer);
  }
}
