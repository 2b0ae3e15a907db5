import { Module, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register } from 'prom-client';
import { CacheModule } from '#lib/cache';
import { LockModule } from '#lib/lock';
import { MembershipModule } from '#lib/membership';
import { QueueModule } from '#lib/queue';
import { RedisModule } from '#lib/redis';

import { ActivityLog } from './activity.log.js';
import { AdmissionFeed } from './admission.feed.js';
import { CacheFeed } from './cache.feed.js';
import { GroundFeed } from './ground.feed.js';
import { HttpMetrics } from './http.metrics.js';
import { LockFeed } from './lock.feed.js';
import { LogModule } from './log.module.js';
import { metricProviders } from './metrics.table.js';
import { QueueDepth } from './queue.depth.js';
import { QueueFeed } from './queue.feed.js';

/** How often nodejs_eventloop_lag_* look, and wake an idle process: at ten milliseconds it would do little else. */
const LAG_PRECISION_MS = 100;

/** The log and /metrics, fed by what the services tell of themselves. */
@Module({
  imports: [
    LogModule,
    PrometheusModule.register({
      path: '/metrics',
      defaultMetrics: { enabled: true, config: { eventLoopMonitoringPrecision: LAG_PRECISION_MS } },
    }),
    RedisModule,
    MembershipModule,
    LockModule,
    QueueModule,
    CacheModule,
  ],
  providers: [
    ...metricProviders,
    ActivityLog,
    HttpMetrics,
    AdmissionFeed,
    GroundFeed,
    LockFeed,
    QueueFeed,
    QueueDepth,
    CacheFeed,
  ],
})
export class MetricsModule implements NestModule {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly requests: HttpMetrics,
  ) {
    // Gauges of prom-client that end in `_total`, which is for counters; the series by type beside them say the same.
    for (const what of ['handles', 'requests', 'resources']) register.removeSingleMetric(`nodejs_active_${what}_total`);
  }

  /** Past Nest's own way to say "every route", which matches the path of each request against a pattern. */
  configure(): void {
    this.host.httpAdapter.use(this.requests.time);
  }
}
