import { InjectQueue } from '@nestjs/bullmq';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Job, JobSchedulerJson, Queue } from 'bullmq';
import { SETTINGS, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import { closeBullmq } from './bullmq.closing.js';
import type { Payload, Refusal } from './queue.types.js';

/** Name of the internal queue of BullMQ in which all schedules run. */
export const SCHEDULES = 'schedules';

/** What a run of a schedule pushes, and where. */
export interface ScheduledMessage {
  readonly queue: string;
  readonly id: string;
  readonly payload: Payload;
}

export interface ScheduleRequest extends ScheduledMessage {
  /** 5 or 6 fields, in `timezone` (UTC unless given). */
  readonly cron?: string;
  readonly timezone?: string;
  /** Instead of `cron`; the first run is one interval from now. */
  readonly everyMs?: number;
}

export interface Schedule {
  readonly id: string;
  readonly payload: Payload;
  readonly cron?: string;
  readonly timezone?: string;
  readonly everyMs?: number;
  readonly nextAt: number;
}

/** A push that fails because Redis is away is tried again for this long, each second. */
const ATTEMPTS = 120;

/** Messages that are pushed at given times, by BullMQ's own schedulers on one internal queue. */
@Injectable()
export class ScheduleService implements BeforeApplicationShutdown {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @InjectQueue(SCHEDULES) private readonly schedules: Queue<ScheduledMessage>,
    private readonly membership: Membership,
    private readonly redis: RedisConnections,
  ) {
    // Redis away: the node's other connections say so in the log.
    schedules.on('error', () => undefined);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await closeBullmq(this.schedules, this.redis.commands.server === undefined, 2 * this.settings.REDIS_TIMEOUT_MS);
  }

  /**
   * Sets a schedule, or sets it anew; an interval that stays the same keeps its rhythm.
   * @returns when it runs next; `full` where there are QUEUE_MAX_SCHEDULES others
   * @throws RedisUnavailable
   */
  async set(request: ScheduleRequest): Promise<{ ok: true; nextAt: number } | Refusal<'full'>> {
    const { queue, id, payload, cron, timezone = 'UTC', everyMs } = request;
    const key = keyOf(queue, id);
    const repeat =
      everyMs === undefined
        ? { pattern: cron ?? '', tz: timezone }
        : { every: everyMs, startDate: Date.now() + everyMs };
    return await this.#bounded(async () => {
      const [known, count] = await Promise.all([
        this.schedules.getJobScheduler(key),
        this.schedules.getJobSchedulersCount(),
      ]);
      if (!known && count >= this.settings.QUEUE_MAX_SCHEDULES) return { ok: false, reason: 'full' };
      const job: Job | undefined = await this.schedules.upsertJobScheduler(key, repeat, {
        name: 'push',
        data: { queue, id, payload },
        opts: {
          attempts: ATTEMPTS,
          backoff: { type: 'fixed', delay: 1000 },
          removeOnComplete: true,
          removeOnFail: true,
        },
      });
      return { ok: true, nextAt: slotOf(job.id ?? '') };
    });
  }

  /** @throws RedisUnavailable */
  async remove(queue: string, id: string): Promise<{ ok: true } | Refusal<'not_found'>> {
    const removed = await this.#bounded(async () => await this.schedules.removeJobScheduler(keyOf(queue, id)));
    return removed ? { ok: true } : { ok: false, reason: 'not_found' };
  }

  /**
   * The schedules of a queue, by when they run next.
   * @throws RedisUnavailable
   */
  async list(queue: string): Promise<Schedule[]> {
    const all: JobSchedulerJson<ScheduledMessage>[] = await this.#bounded(
      async () => await this.schedules.getJobSchedulers(0, -1, true),
    );
    return all.flatMap(({ template, pattern, tz, every, next }) => {
      const message = template?.data;
      if (message?.queue !== queue) return [];
      const rhythm =
        every === undefined
          ? { ...(pattern !== undefined && { cron: pattern }), ...(tz !== undefined && { timezone: tz }) }
          : { everyMs: every };
      return [{ id: message.id, payload: message.payload, ...rhythm, nextAt: next ?? 0 }];
    });
  }

  /** Removes all schedules of a queue. */
  async removeAll(queue: string): Promise<void> {
    for (const { id } of await this.list(queue)) await this.remove(queue, id);
  }

  /** BullMQ's connection waits for Redis as long as it takes; a caller does not. */
  async #bounded<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    this.membership.requireReady();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new RedisUnavailable('Redis did not answer in time', true));
      }, this.settings.REDIS_TIMEOUT_MS);
    });
    try {
      return await Promise.race([call(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** BullMQ's id of a schedule. It may contain anything but a colon, by which BullMQ's ids of its runs are put together. */
function keyOf(queue: string, id: string): string {
  return `${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
}

/** The time that a run is meant for, ms since 1970: BullMQ names it `repeat:<schedule>:<time>`. */
function slotOf(jobId: string): number {
  return Number(jobId.slice(jobId.lastIndexOf(':') + 1));
}
