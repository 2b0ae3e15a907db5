import { bucketOf } from '#lib/redis';

/** Over how many slots queues are spread; a bucket's queues, their list and their deliveries out share one. */
export const BUCKETS = 16;

/** Where one queue lies in Redis. */
export interface KeysOfQueue {
  /** BullMQ's prefix and its name of the queue: what a `Queue` of BullMQ is made with. */
  readonly bullmqPrefix: string;
  readonly bullmqName: string;
  /** What BullMQ's keys of this queue begin with. */
  readonly bullmq: string;
  /** What our keys of this queue begin with. */
  readonly own: string;
}

/** Redis keys of queues. A queue's keys share a slot: that of its bucket. Its scripts find them all by one of them. */
export class QueueKeys {
  constructor(private readonly prefix: string) {}

  of(queue: string): KeysOfQueue {
    const bucket = bucketOf(queue, BUCKETS);
    const bullmqPrefix = `${this.prefix}:queue:{${bucket}}`;
    const bullmqName = encodeName(queue);
    return {
      bullmqPrefix,
      bullmqName,
      bullmq: `${bullmqPrefix}:${bullmqName}:`,
      own: `${this.prefix}:pull:{${bucket}}:${bullmqName}:`,
    };
  }

  /** Sorted set of the names of a bucket's queues, all with score 0. */
  names(bucket: number): string {
    return `${this.prefix}:queues:{${bucket}}`;
  }

  /** What the keys of all `due` begin with: sorted sets of queues by when the first of their deliveries runs out (ms since 1970). */
  dueOfAll(): string {
    return `${this.prefix}:deliveries:`;
  }
}

/** BullMQ's names may not contain a colon, and different names must stay different. */
function encodeName(queue: string): string {
  return queue.replaceAll('%', '%25').replaceAll(':', '%3A');
}
