import { Module } from '@nestjs/common';
import { CacheModule } from '#lib/cache';
import { ConfigModule } from '#lib/config';
import { DocsModule } from '#lib/docs';
import { HealthModule } from '#lib/health';
import { HttpModule } from '#lib/http';
import { LockModule } from '#lib/lock';
import { MetricsModule } from '#lib/metrics';
import { QueueModule } from '#lib/queue';

/** One node: everything it consists of. */
@Module({
  imports: [ConfigModule, HttpModule, MetricsModule, HealthModule, LockModule, QueueModule, CacheModule, DocsModule],
})
export class AppModule {}
