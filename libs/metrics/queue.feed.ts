import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { QueueService } from '#lib/queue';
import { ActivityLog } from './activity.log.js';
import { whenRead } from './when.read.js';
import { METRICS, type Metrics } from './metrics.table.js';

/** Feeds the metrics of the queues, and their part of the activity line. */
@Injectable()
export class QueueFeed implements OnModuleInit {
  constructor(
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly activity: ActivityLog,
    private readonly queues: QueueService,
  ) {}

  onModuleInit(): void {
    const { metrics, activity } = this;
    const { events } = this.queues;
    // A counter that begins with its first event hides that event from increase().
    for (const reason of ['max_deliveries', 'rejected']) metrics.queueDead.inc({ reason }, 0);
    events.on('pushed', (_, count, duplicates) => {
      metrics.queuePushed.inc(count);
      metrics.queueDuplicates.inc(duplicates);
      activity.count('queuePushes', count);
    });
    events.on('popped', (_, count, ack) => {
      metrics.queuePopped.inc({ ack }, count);
      activity.count('queuePops', count);
    });
    events.on('full', () => {
      metrics.queueFull.inc();
    });
    events.on('waited', (_, waitedMs, found) => {
      metrics.queueWait.observe({ outcome: found ? 'found' : 'empty' }, waitedMs / 1000);
    });
    events.on('acked', (_, count) => {
      metrics.queueAcked.inc(count);
    });
    events.on('returned', (_, count) => {
      metrics.queueReturned.inc(count);
    });
    events.on('redelivered', (_, count) => {
      metrics.queueRedelivered.inc(count);
    });
    events.on('dead', (_, count, reason) => {
      metrics.queueDead.inc({ reason }, count);
    });
    events.on('deadDropped', (_, count) => {
      metrics.queueDeadDropped.inc(count);
    });
    events.on('expired', (_, count) => {
      metrics.queueExpired.inc(count);
    });
    events.on('stale', (_, count) => {
      metrics.queueStale.inc(count);
    });
    events.on('scheduled', (_, __, outcome) => {
      metrics.queueScheduled.inc({ outcome });
    });
    whenRead(metrics.queueWaiters, () => this.queues.waitingPops);
  }
}
