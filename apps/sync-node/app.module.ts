import { Module } from '@nestjs/common';
import { ConfigModule } from '#lib/config';
import { HealthModule } from '#lib/health';
import { HttpModule } from '#lib/http';
import { LockModule } from '#lib/lock';
import { MetricsModule } from '#lib/metrics';

/** One node: everything it consists of. */
@Module({
  imports: [ConfigModule, HttpModule, LockModule, MetricsModule, HealthModule],
})
export class AppModule {}
