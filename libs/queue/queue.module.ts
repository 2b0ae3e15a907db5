import { BullModule } from '@nestjs/bullmq';
import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { HttpModule } from '#lib/http';
import { MembershipModule } from '#lib/membership';
import { RedisModule, sentinelOptions } from '#lib/redis';
import { QueueAdminController } from './queue.admin.controller.js';
import { QueueAdminService } from './queue.admin.service.js';
import { BOARD_ROUTE, QueueBoard } from './queue.board.js';
import { QueueController } from './queue.controller.js';
import { QueueService } from './queue.service.js';
import { QueueStore } from './queue.store.js';
import { QueueSweeper } from './queue.sweeper.js';
import { ScheduleController } from './schedule.controller.js';
import { ScheduleProcessor } from './schedule.processor.js';
import { SCHEDULES, ScheduleService } from './schedule.service.js';

/** The one queue of BullMQ's own way, with a worker: in it the schedules run. */
const internalQueue = BullModule.registerQueueAsync({
  name: SCHEDULES,
  useFactory: (settings: Settings) => ({
    prefix: `${settings.REDIS_KEY_PREFIX}:{${SCHEDULES}}`,
    streams: { events: { maxLen: 0 } },
    connection: {
      url: settings.REDIS_URL,
      ...sentinelOptions(settings),
      connectionName: `${settings.REDIS_KEY_PREFIX}:${settings.NODE_ID}:${SCHEDULES}`,
      retryStrategy: (attempt: number) => Math.min(25 * attempt, 250),
    },
  }),
  inject: [SETTINGS],
});

/** Queues that are pulled from over HTTP, on BullMQ; and a board to look at them. */
@Module({
  imports: [RedisModule, MembershipModule, HttpModule, internalQueue],
  controllers: [QueueController, QueueAdminController, ScheduleController],
  providers: [
    QueueStore,
    QueueService,
    QueueAdminService,
    QueueSweeper,
    QueueBoard,
    ScheduleService,
    ScheduleProcessor,
  ],
  exports: [QueueService, QueueAdminService, ScheduleService],
})
export class QueueModule implements NestModule {
  constructor(private readonly board: QueueBoard) {}

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(this.board.serve).forRoutes(BOARD_ROUTE);
  }
}
