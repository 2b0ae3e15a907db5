import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { CacheModule } from '#lib/cache';
import { LockModule } from '#lib/lock';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { ClusterController } from './cluster.controller.js';
import { HealthController } from './health.controller.js';
import { NodeHealth } from './node.health.js';

@Module({
  imports: [RedisModule, MembershipModule, LockModule, CacheModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController, ClusterController],
  providers: [NodeHealth],
})
export class HealthModule {}
