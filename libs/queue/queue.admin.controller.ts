import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { QueueAdminService } from './queue.admin.service.js';
import { ListQuery, PeekQuery, PurgeDto, QueueDto, RedriveDto } from './queue.dto.js';
import type { PeekedDelivery, QueueStats } from './queue.types.js';

/** Queues as a whole, over HTTP. */
@Controller()
export class QueueAdminController {
  constructor(private readonly admin: QueueAdminService) {}

  /** How many messages a queue has, by state. One that nobody pushed to has zeros. */
  @Get('queue')
  async stats(@Query() { queue }: QueueDto): Promise<{ ok: true } & QueueStats> {
    return { ok: true, ...(await this.admin.stats(queue)) };
  }

  /** Queues by name, a page at a time. A page may be short: only `cursor: null` ends the list. */
  @Get('queues')
  async list(@Query() query: ListQuery): Promise<{ ok: true; queues: QueueStats[]; cursor: string | null }> {
    return { ok: true, ...(await this.admin.list(query)) };
  }

  /** Messages of one state, without taking them. */
  @Get('queue/peek')
  async peek(@Query() { queue, state, count }: PeekQuery): Promise<{ ok: true; messages: PeekedDelivery[] }> {
    return { ok: true, messages: await this.admin.peek(queue, state, count) };
  }

  /** Makes dead letters ready again, oldest first, with no delivery counted. */
  @Post('queue/redrive')
  @HttpCode(200)
  async redrive(@Body() body: RedriveDto): Promise<{ ok: true; moved: number }> {
    return { ok: true, moved: await this.admin.redrive(body) };
  }

  /** Pops of the queue find nothing until it is resumed; pushes and receipts go on. */
  @Post('queue/pause')
  @HttpCode(200)
  async pause(@Body() { queue }: QueueDto): Promise<{ ok: true }> {
    await this.admin.pause(queue);
    return { ok: true };
  }

  /** Ends a pause. */
  @Post('queue/resume')
  @HttpCode(200)
  async resume(@Body() { queue }: QueueDto): Promise<{ ok: true }> {
    await this.admin.resume(queue);
    return { ok: true };
  }

  /** Removes messages for good. Deduplication windows and schedules stay. */
  @Post('queue/purge')
  @HttpCode(200)
  async purge(@Body() { queue, state }: PurgeDto): Promise<{ ok: true; removed: number }> {
    return { ok: true, removed: await this.admin.purge(queue, state) };
  }

  /** Ends a queue: its messages, schedules and deduplication windows are gone. */
  @Delete('queue')
  async delete(@Query() { queue }: QueueDto): Promise<{ ok: true; removed: number }> {
    return { ok: true, removed: await this.admin.delete(queue) };
  }
}
