import { Module } from '@nestjs/common';
import { MembershipModule } from '#lib/membership';
import { RedisModule } from '#lib/redis';
import { LockController } from './lock.controller.js';
import { LockService } from './lock.service.js';

@Module({
  imports: [RedisModule, MembershipModule],
  controllers: [LockController],
  providers: [LockService],
  exports: [LockService],
})
export class LockModule {}
