import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { decodeCursor, encodeCursor } from '#lib/http';
import { BUCKETS } from './queue.keys.js';
import { isReplay, scripts, type PeekedMessage } from './queue.scripts.js';
import { QueueStore } from './queue.store.js';
import {
  messageStates,
  type MessageState,
  type PeekedDelivery,
  type QueueStats,
  type RedriveRequest,
} from './queue.types.js';
import { ScheduleService } from './schedule.service.js';

const MAX_PEEKED_BYTES = 4 * 1024 * 1024;
/** A redrive without `count` means all that are dead now. */
const ALL = Number.MAX_SAFE_INTEGER;

/** Looking at queues, and what is done to a queue as a whole. */
@Injectable()
export class QueueAdminService {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly store: QueueStore,
    private readonly schedules: ScheduleService,
  ) {}

  /**
   * How many messages a queue has, by state. One that nobody pushed to has zeros.
   * @throws RedisUnavailable
   */
  async stats(queue: string): Promise<QueueStats> {
    const [, , ready, delayed, inflight, dead, paused, oldestMs] = await this.store.run(scripts.stats, queue);
    return { queue, ready, delayed, inflight, dead, paused: paused === 1, oldestMs: oldestMs < 0 ? null : oldestMs };
  }

  /**
   * A page of the queues whose names begin with `prefix`, by name in the order of UTF-8 bytes.
   * @param limit at most so many, 1 to 1000
   * @returns `cursor` for the next page, null at the end
   * @throws RedisUnavailable; Problem 400 for a bad cursor
   */
  async list(page: { prefix?: string; cursor?: string; limit?: number }): Promise<{
    queues: QueueStats[];
    cursor: string | null;
  }> {
    const { prefix = '', limit = 100 } = page;
    const [after] = page.cursor === undefined ? [] : decodeCursor(page.cursor, 1);
    const names = await this.#names(prefix, after, limit + 1);
    const shown = names.slice(0, limit);
    const queues = await Promise.all(shown.map(async (name) => await this.stats(name)));
    const last = shown.at(-1);
    return { queues, cursor: names.length > limit && last !== undefined ? encodeCursor([last]) : null };
  }

  /**
   * Messages of one state, without taking them: ready in the order of delivery, delayed by when they are due, in
   * flight by when they run out, dead oldest first.
   * @param count at most so many, 1 to 100; fewer where they are large
   * @throws RedisUnavailable
   */
  async peek(queue: string, state: MessageState = 'ready', count = 10): Promise<PeekedDelivery[]> {
    const [, , messages] = await this.store.run(scripts.peek, queue, [state, count, MAX_PEEKED_BYTES]);
    return messages.map((message) => asPeeked(message, state));
  }

  /**
   * Makes dead letters ready again, oldest first and with no delivery counted, while the queue has room.
   * @returns how many
   * @throws RedisUnavailable
   */
  async redrive({ queue, count = ALL, requestId }: RedriveRequest): Promise<number> {
    const request = requestId === undefined ? undefined : { route: 'redrive', id: requestId };
    let moved = 0;
    let meant = count;
    for (;;) {
      const args = [this.settings.QUEUE_MAX_LENGTH, meant, moved];
      const [, effects, movedNow, meantNow, done, now] = await this.store.run(scripts.redrive, queue, args, request);
      if (!isReplay(effects) && now > 0) this.store.events.emit('redriven', queue, now);
      if (done === 1) return movedNow;
      moved = movedNow;
      meant = meantNow;
    }
  }

  /**
   * Pops of a paused queue find nothing until it is resumed; pushes and receipts go on.
   * @throws RedisUnavailable
   */
  async pause(queue: string): Promise<void> {
    await this.store.run(scripts.pause, queue, ['paused']);
  }

  async resume(queue: string): Promise<void> {
    await this.store.run(scripts.pause, queue, ['resumed']);
  }

  /**
   * Removes the messages of one state, or of all four, for good. Deduplication windows and schedules stay.
   * @returns how many
   * @throws RedisUnavailable; then some may have been removed
   */
  async purge(queue: string, state?: MessageState): Promise<number> {
    let removed = 0;
    for (const one of state === undefined ? messageStates : [state]) removed += await this.#purgeState(queue, one);
    return removed;
  }

  /**
   * Ends a queue: its schedules, messages, deduplication windows and its name are gone.
   * @returns how many messages it had
   * @throws RedisUnavailable
   */
  async delete(queue: string): Promise<number> {
    await this.schedules.removeAll(queue);
    let removed = 0;
    for (;;) {
      removed += await this.purge(queue);
      const [, , gone] = await this.store.run(scripts.drop, queue);
      if (gone === 1) return removed;
    }
  }

  async #purgeState(queue: string, state: MessageState): Promise<number> {
    let removed = 0;
    let meant: number | undefined;
    for (;;) {
      const [, , now, left] = await this.store.run(scripts.purge, queue, [state]);
      removed += now;
      if (now > 0) this.store.events.emit('purged', queue, now);
      // What is pushed while this goes on is not meant.
      meant ??= now + left;
      if (left === 0 || removed >= meant) return removed;
    }
  }

  /** The first names of all buckets after `after`, in order. */
  async #names(prefix: string, after: string | undefined, limit: number): Promise<string[]> {
    const from = after === undefined ? (prefix === '' ? '-' : `[${prefix}`) : `(${after}`;
    // No UTF-8 text has a byte 0xff: every name with the prefix comes before.
    const to = prefix === '' ? '+' : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])]);
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => this.store.keys.names(bucket));
    const lists = await Promise.all(
      buckets.map(async (key) => await this.store.runOnList(scripts.names, key, [from, to, limit])),
    );
    return lists
      .flat()
      .map((name) => ({ name, bytes: Buffer.from(name) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .slice(0, limit)
      .map(({ name }) => name);
  }
}

function asPeeked(message: PeekedMessage, state: MessageState): PeekedDelivery {
  const [id, payload, deliveries, bullmqPriority, pushedAt, deadAt, reason, until] = message;
  return {
    id,
    item: JSON.parse(payload) as unknown,
    deliveries: Number(deliveries),
    priority: 101 - Number(bullmqPriority),
    enqueuedAt: Number(pushedAt),
    ...(state === 'delayed' ? { dueAt: Number(until) } : {}),
    ...(state === 'inflight' ? { visibleAt: Number(until) } : {}),
    ...(state === 'dead' ? { deadAt: Number(deadAt), reason } : {}),
  };
}
