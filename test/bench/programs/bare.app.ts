import 'reflect-metadata';
import { setImmediate as turn } from 'node:timers/promises';
import { Body, Controller, Get, Header, HttpCode, Module, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Redis } from 'ioredis';
import { ReadQuery, WriteDto } from '../../../libs/cache/cache.dto.js';
import { RequestPipe } from '../../../libs/http/request.pipe.js';
import { AcquireDto, ReleaseDto } from '../../../libs/lock/lock.dto.js';
import { PopDto, PushDto } from '../../../libs/queue/queue.dto.js';

/**
 * The hot routes with nothing of the product behind them: the same bodies, validation and answers. With
 * BARE=together each answer waits for the end of the turn in which its request came, as answers do that need something
 * of another process: they are then written one after the other, outside of the parser. That, and no headers that nobody
 * asked for, is the most that the framework gives. With BARE=redis each call but a read sets one key in Redis before its
 * answer, those of a turn in one pipeline: the least that a call costs whose effect outlives the process.
 */
const variant = process.env['BARE'];
const redis =
  variant === 'redis' ? new Redis(process.env['REDIS_URL'] ?? '', { enableAutoPipelining: true }) : undefined;

async function read<Answer>(answer: Answer): Promise<Answer> {
  if (variant !== 'plain') await turn();
  return answer;
}

async function changed<Answer>(answer: Answer): Promise<Answer> {
  if (!redis) return await read(answer);
  await redis.set('bare', 1);
  return answer;
}

@Controller()
class BareController {
  @Post('lock/acquire')
  @HttpCode(200)
  acquire(@Body() { leaseMs = 30_000 }: AcquireDto) {
    return changed({ ok: true, token: 1795420732250216, leaseMs });
  }

  @Post('lock/release')
  @HttpCode(200)
  release(@Body() _body: ReleaseDto) {
    return changed({ ok: true });
  }

  @Post('queue/push')
  @HttpCode(200)
  push(@Body() _body: PushDto) {
    return changed({ ok: true, id: '1795420732250216' });
  }

  @Post('queue/pop')
  @HttpCode(200)
  pop(@Body() _body: PopDto) {
    return changed({ ok: true, item: { number: 0 } });
  }

  @Post('cache/write')
  @HttpCode(200)
  write(@Body() _body: WriteDto) {
    return changed({ ok: true, version: 1795420732250216 });
  }

  @Get('cache/read')
  @Header('Content-Type', 'application/json; charset=utf-8')
  read(@Query() _query: ReadQuery) {
    return read('{"ok":true,"value":{"state":"M","value":{"number":0}}}');
  }
}

@Module({ controllers: [BareController] })
class BareModule {}

const app = await NestFactory.create<NestExpressApplication>(BareModule, { logger: false });
app.useGlobalPipes(new RequestPipe());
if (variant !== 'plain') {
  app.disable('x-powered-by');
  app.disable('etag');
}
// It idles while others are measured.
app.getHttpServer().keepAliveTimeout = 600_000;
await app.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('disconnect', () => process.exit());
process.send?.('ready');
