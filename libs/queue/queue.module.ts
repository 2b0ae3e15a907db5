import { Module } from '@nestjs/common';
import { HttpModule } from '#lib/http';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { QueueController } from './queue.controller.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';

/** Queues that are pulled from over HTTP, on BullMQ. */
@Module({
  imports: [RedisModule, MembershipModule, HttpModule],
  controllers: [QueueController],
  providers: [QueueStore, QueueService],
  exports: [QueueService],
})
export class QueueModule {}
