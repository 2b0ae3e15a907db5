import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { ActivityLog } from './activity.log.js';
import { HttpMetrics } from './http.metrics.js';
import { LogModule } from './log.module.js';
import { MetricsFeed } from './metrics.feed.js';
import { metricProviders, prometheusOptions } from './metrics.table.js';

@Module({
  imports: [LogModule, RedisModule, MembershipModule, PrometheusModule.register(prometheusOptions)],
  providers: [...metricProviders, MetricsFeed, HttpMetrics, ActivityLog],
})
export class MetricsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(HttpMetrics).forRoutes('{/*path}');
  }
}
