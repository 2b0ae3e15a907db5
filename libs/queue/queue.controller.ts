import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { clientGone } from '#lib/http';
import { AckDto, ExtendDto, NackDto, PopDto, PushDto, PushManyDto } from './queue.dto.js';
import { QueueService } from './queue.service.js';
import type { AckResult, PopResult, PushManyResult, PushResult, ReceiptResult } from './queue.types.js';

/** Messages over HTTP: push, pop and what is done by receipt. */
@Controller('queue')
export class QueueController {
  constructor(private readonly queues: QueueService) {}

  /** Adds a message to a queue; the queue exists from then on. */
  @Post('push')
  @HttpCode(200)
  async push(@Body() body: PushDto): Promise<PushResult> {
    return await this.queues.push(body);
  }

  /** Adds messages to a queue, all or none. */
  @Post('push-many')
  @HttpCode(200)
  async pushMany(@Body() body: PushManyDto): Promise<PushManyResult> {
    return await this.queues.pushMany(body);
  }

  /**
   * Takes messages, or waits for one. A paused queue is empty.
   * A repetition by `requestId` is answered in the form that the first call asked for.
   */
  @Post('pop')
  @HttpCode(200)
  async pop(@Body() body: PopDto, @Res({ passthrough: true }) response: Response): Promise<PopResult> {
    return await this.queues.pop(body, clientGone(response));
  }

  /** Acknowledges deliveries: their messages are gone. The valid receipts of a list count whatever the others are. */
  @Post('ack')
  @HttpCode(200)
  async ack(@Body() body: AckDto): Promise<AckResult> {
    return await this.queues.ack(body);
  }

  /** Gives a delivery back, to the end of its priority or to the dead letters. */
  @Post('nack')
  @HttpCode(200)
  async nack(@Body() body: NackDto): Promise<ReceiptResult> {
    return await this.queues.nack(body);
  }

  /** Keeps a delivery from others for longer. */
  @Post('extend')
  @HttpCode(200)
  async extend(@Body() body: ExtendDto): Promise<ReceiptResult> {
    return await this.queues.extend(body);
  }
}
