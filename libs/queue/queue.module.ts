import { BullBoardModule, InjectBullBoard, type BullBoardInstance } from '@bull-board/nestjs';
import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { HttpModule } from '#lib/http';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { QueueAdminController } from './queue.admin.controller.js';
import { QueueAdminService } from './queue.admin.service.js';
import { QueueBoard } from './queue.board.js';
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
      connectionName: `${settings.REDIS_KEY_PREFIX}:${settings.NODE_ID}:${SCHEDULES}`,
      retryStrategy: (attempt: number) => Math.min(25 * attempt, 250),
    },
  }),
  inject: [SETTINGS],
});

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
  exports: [QueueService, QueueAdminService, ScheduleService, QueueBoard],
})
class QueueServicesModule {}

/** Queues that are pulled from over HTTP, on BullMQ; and a board to look at them. */
@Module({
  imports: [
    QueueServicesModule,
    BullBoardModule.forRootAsync({
      imports: [QueueServicesModule],
      useFactory: (board: QueueBoard) => board.options(),
      inject: [QueueBoard],
    }),
  ],
  exports: [QueueServicesModule],
})
export class QueueModule {
  constructor(queueBoard: QueueBoard, @InjectBullBoard() board: BullBoardInstance) {
    queueBoard.use(board);
  }
}
