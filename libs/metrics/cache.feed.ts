import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CacheService } from '#lib/cache';
import { ActivityLog } from './activity.log.js';
import { countedElsewhere, whenRead } from './when.read.js';
import { METRICS, type Metrics } from './metrics.table.js';

/** Feeds the metrics of the cache, and its part of the activity line. */
@Injectable()
export class CacheFeed implements OnModuleInit {
  constructor(
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly activity: ActivityLog,
    private readonly cache: CacheService,
  ) {}

  onModuleInit(): void {
    const { metrics, activity, cache } = this;
    countedElsewhere(metrics.cacheReads, 'result', () => cache.reads);
    activity.follow('cacheHits', () => cache.reads.hit);
    activity.follow('cacheMisses', () => cache.reads.miss);
    cache.events.on('written', (kind, outcome, round, durationMs) => {
      metrics.cacheWrites.observe({ kind, outcome, round: String(round) }, durationMs / 1000);
      activity.count('cacheWrites');
    });
    cache.events.on('transition', (from, to, count) => {
      metrics.cacheTransitions.inc({ from, to }, count);
    });
    cache.events.on('round', (durationMs) => {
      metrics.cacheRound.observe(durationMs / 1000);
    });
    cache.events.on('invalidated', (delayMs) => {
      metrics.cacheInvalidation.observe(delayMs / 1000);
      activity.count('cacheInvalidations');
    });
    cache.events.on('polled', () => {
      metrics.cachePolls.inc();
    });
    whenRead(metrics.cacheHold, () => cache.holding);
    whenRead(metrics.cacheLines, () => cache.lineCount);
    whenRead(metrics.cacheBytes, () => cache.lineBytes);
  }
}
