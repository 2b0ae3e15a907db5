import { Module } from '@nestjs/common';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { CacheController } from './cache.controller.js';
import { CacheReader } from './cache.reader.js';
import { CacheService } from './cache.service.js';
import { CacheWriter } from './cache.writer.js';
import { Directory } from './directory.client.js';
import { ExpirySweeper } from './expiry.sweeper.js';
import { InvalidationSubscriber } from './invalidation.subscriber.js';
import { LocalLines } from './local.lines.js';
import { ServerHold } from './server.hold.js';

@Module({
  imports: [RedisModule, MembershipModule],
  controllers: [CacheController],
  providers: [
    LocalLines,
    ServerHold,
    Directory,
    CacheReader,
    CacheWriter,
    InvalidationSubscriber,
    ExpirySweeper,
    CacheService,
  ],
  exports: [CacheService],
})
export class CacheModule {}
