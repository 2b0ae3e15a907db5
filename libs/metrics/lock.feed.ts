import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { LockService } from '#lib/lock';
import { ActivityLog } from './activity.log.js';
import { whenRead } from './when.read.js';
import { METRICS, type Metrics } from './metrics.table.js';

/** Feeds the metrics of the locks, and their part of the activity line. */
@Injectable()
export class LockFeed implements OnModuleInit {
  constructor(
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly activity: ActivityLog,
    private readonly locks: LockService,
  ) {}

  onModuleInit(): void {
    const { metrics, activity, locks } = this;
    // A counter that begins with its first event hides that event from increase().
    for (const mode of ['exclusive', 'shared']) metrics.lockAcquire.inc({ mode, outcome: 'deadlock' }, 0);
    locks.events.on('acquired', ({ mode, outcome, waitedMs }) => {
      metrics.lockAcquire.inc({ mode, outcome });
      if (waitedMs !== undefined) metrics.lockWait.observe({ mode, outcome }, waitedMs / 1000);
      if (outcome === 'granted') activity.count('locksAcquired');
    });
    locks.events.on('released', ({ mode, heldMs }) => {
      metrics.lockReleased.inc({ mode });
      metrics.lockHold.observe({ mode }, heldMs / 1000);
      activity.count('locksReleased');
    });
    locks.events.on('expired', (count) => {
      metrics.lockExpired.inc(count);
    });
    locks.events.on('forced', (count) => {
      metrics.lockForced.inc(count);
    });
    whenRead(metrics.lockWaiters, () => locks.waiting);
    whenRead(metrics.lockHolding, () => locks.holding);
  }
}
