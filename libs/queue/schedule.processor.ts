import { OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import type { Job } from 'bullmq';
import { QueueService } from './queue.service.js';
import { SCHEDULES, type ScheduledMessage } from './schedule.service.js';

/**
 * Runs schedules, on every node: whichever takes a run pushes its message. BullMQ runs one again whose node died, so
 * the push carries the run's id (schedule and time) and happens once.
 */
@Processor(SCHEDULES, { concurrency: 8 })
export class ScheduleProcessor extends WorkerHost {
  constructor(private readonly queues: QueueService) {
    super();
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
