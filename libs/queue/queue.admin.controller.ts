import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { QueueAdminService } from './queue.admin.service.js';
import { ListQuery, PeekQuery, PurgeDto, QueueDto, RedriveDto } from './queue.dto.js';
import type { PeekedDelivery, QueueStats } from './queue.types.js';

/** Queues as a whole, over HTTP. */
@Controller()
export class QueueAdminController {
  constructor(private readonly admin: QueueAdminService) {}

  @Get('queue')
  async stats(@Query() { queue }: QueueDto): Promise<{ ok: true } & QueueStats> {
    return { ok: true, ...(await this.admin.stats(queue)) };
  }

  @Get('queues')
  async list(@Query() query: ListQuery): Promise<{ ok: true; queues: QueueStats[]; cursor: string | null }> {
    return { ok: true, ...(await this.admin.list(query)) };
  }

  @Get('queue/peek')
  async peek(@Query() { queue, state, count }: PeekQuery): Promise<{ ok: true; messages: PeekedDelivery[] }> {
    return { ok: true, messages: await this.admin.peek(queue, state, count) };
  }

  @Post('queue/redrive')
  @HttpCode(200)
  async redrive(@Body() body: RedriveDto): Promise<{ ok: true; moved: number }> {
    return { ok: true, moved: await this.admin.redrive(body) };
  }

  @Post('queue/pause')
  @HttpCode(200)
  async pause(@Body() { queue }: QueueDto): Promise<{ ok: true }> {
    await this.admin.pause(queue);
    return { ok: true };
  }

  @Post('queue/resume')
  @HttpCode(200)
  async resume(@Body() { queue }: QueueDto): Promise<{ ok: true }> {
    await this.admin.resume(queue);
    return { ok: true };
  }

  @Post('queue/purge')
  @HttpCode(200)
  async purge(@Body() { queue, state }: PurgeDto): Promise<{ ok: true; removed: number }> {
    return { ok: true, removed: await this.admin.purge(queue, state) };
  }

  @Delete('queue')
  async delete(@Query() { queue }: QueueDto): Promise<{ ok: true; removed: number }> {
    return { ok: true, removed: await this.admin.delete(queue) };
  }
}
