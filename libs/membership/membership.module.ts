import { Module } from '@nestjs/common';
import { RedisModule } from '#lib/redis';
import { Membership } from './membership.service.js';

@Module({ imports: [RedisModule], providers: [Membership], exports: [Membership] })
export class MembershipModule {}
