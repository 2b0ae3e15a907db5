import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Job } from 'bullmq';
import { SETTINGS, type Settings } from '#lib/config';
import { RedisConnections } from '#lib/redis';
import { closeBullmq } from './bullmq.closing.js';
import { QueueService } from './queue.service.js';
import { SCHEDULES, type ScheduledMessage } from './schedule.service.js';

/**
 * Runs schedules, on every node: whichever takes a run pushes its message. BullMQ runs one again whose node died, so
 * the push carries the run's id (schedule and time) and happens once.
 */
// A run whose node died is taken up by another within these two times; BullMQ's own are half a minute each.
@Processor(SCHEDULES, { concurrency: 8, lockDuration: 10_000, stalledInterval: 5000, maxStalledCount: 1000 })
export class ScheduleProcessor extends WorkerHost implements BeforeApplicationShutdown {
  constructor(
    private readonly queues: QueueService,
    private readonly redis: RedisConnections,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {
    super();
  }

  /** Runs under way end first. BullMQ's module waits for this worker later on, without a bound. */
  async beforeApplicationShutdown(): Promise<void> {
    const isAway = this.redis.commands.server === undefined;
    await closeBullmq(this.worker, isAway, 2 * this.settings.REDIS_TIMEOUT_MS);
  }

  /** @throws RedisUnavailable; BullMQ then tries again */
  async process(job: Job<ScheduledMessage>): Promise<void> {
    const { queue, id, payload } = job.data;
    const pushed = await this.queues.push({ queue, payload, requestId: `schedule:${job.id ?? ''}` });
    this.queues.events.emit('scheduled', queue, id, pushed.ok ? 'pushed' : 'full');
  }

  /** Redis away: the node's other connections say so in the log. */
  @OnWorkerEvent('error')
  onError(): void {
    // BullMQ connects again by itself.
  }
}
