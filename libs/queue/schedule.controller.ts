import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { QueueDto } from './queue.dto.js';
import type { Refusal } from './queue.types.js';
import { ScheduleDto, ScheduleQuery } from './schedule.dto.js';
import { ScheduleService, type Schedule } from './schedule.service.js';

/** Schedules of messages, over HTTP. */
@Controller('queue')
export class ScheduleController {
  constructor(private readonly schedules: ScheduleService) {}

  @Post('schedule')
  @HttpCode(200)
  async set(@Body() body: ScheduleDto): Promise<{ ok: true; nextAt: number } | Refusal<'full'>> {
    return await this.schedules.set(body);
  }

  @Delete('schedule')
  async remove(@Query() { queue, id }: ScheduleQuery): Promise<{ ok: true } | Refusal<'not_found'>> {
    return await this.schedules.remove(queue, id);
  }

  @Get('schedules')
  async list(@Query() { queue }: QueueDto): Promise<{ ok: true; schedules: Schedule[] }> {
    return { ok: true, schedules: await this.schedules.list(queue) };
  }
}
