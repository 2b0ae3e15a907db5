import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from '#lib/cache';
import { ConfigModule } from '#lib/config';
import { LockModule, LockService } from '#lib/lock';
import { Membership } from '#lib/membership';
import { QueueModule, QueueService } from '#lib/queue';

@Module({ imports: [ConfigModule, LockModule, QueueModule, CacheModule] })
class ServicesModule {}

/** The services as a Nest application has them that imports their modules. */
export async function startServices(redisUrl: string, settings: Readonly<Record<string, string>> = {}) {
  Object.assign(process.env, { REDIS_URL: redisUrl, NODE_ID: `bench-${process.pid}`, EMPTY_REDIS_IS_NEW: 'true' });
  Object.assign(process.env, settings);
  const app = await NestFactory.createApplicationContext(ServicesModule, { logger: false });
  await app.get(Membership).ready;
  return { locks: app.get(LockService), queues: app.get(QueueService), cache: app.get(CacheService) };
}
