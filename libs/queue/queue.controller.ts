import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ClientGone } from '#lib/http';
import { AckDto, ExtendDto, NackDto, PopDto, PushDto, PushManyDto } from './queue.dto.js';
import { QueueService } from './queue.service.js';
import type { AckResult, PopResult, PushManyResult, PushResult, ReceiptResult } from './queue.types.js';

/** Messages over HTTP: push, pop and what is done by receipt. */
@Controller('queue')
export class QueueController {
  constructor(private readonly queues: QueueService) {}

  @Post('push')
  @HttpCode(200)
  async push(@Body() body: PushDto): Promise<PushResult> {
    return await this.queues.push(body);
  }

  @Post('push-many')
  @HttpCode(200)
  async pushMany(@Body() body: PushManyDto): Promise<PushManyResult> {
    return await this.queues.pushMany(body);
  }

  @Post('pop')
  @HttpCode(200)
  async pop(@Body() body: PopDto, @ClientGone() signal: AbortSignal): Promise<PopResult> {
    return await this.queues.pop(body, signal);
  }

  @Post('ack')
  @HttpCode(200)
  async ack(@Body() body: AckDto): Promise<AckResult> {
    return await this.queues.ack(body);
  }

  @Post('nack')
  @HttpCode(200)
  async nack(@Body() body: NackDto): Promise<ReceiptResult> {
    return await this.queues.nack(body);
  }

  @Post('extend')
  @HttpCode(200)
  async extend(@Body() body: ExtendDto): Promise<ReceiptResult> {
    return await this.queues.extend(body);
  }
}
