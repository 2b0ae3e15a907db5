import { Body, Controller, Delete, Get, HttpCode, Post, Query } from '@nestjs/common';
import { QueueDto } from './queue.dto.js';
import type { Refusal } from './queue.types.js';
import { ScheduleDto, ScheduleQuery } from './schedule.dto.js';
import { ScheduleService, type Schedule } from './schedule.service.js';

/** Schedules of messages, over HTTP. */
@Controller('queue')
export class ScheduleController {
  constructor(private readonly schedules: ScheduleService) {}

  /** Sets a schedule that pushes a message at given times, or sets it anew. `full` where there are too many schedules. */
  @Post('schedule')
  @HttpCode(200)
  async set(@Body() body: ScheduleDto): Promise<{ ok: true; nextAt: number } | Refusal<'full'>> {
    return await this.schedules.set(body);
  }

  /** Removes a schedule. */
  @Delete('schedule')
  async remove(@Query() { queue, id }: ScheduleQuery): Promise<{ ok: true } | Refusal<'not_found'>> {
    return await this.schedules.remove(queue, id);
  }

  /** The schedules of a queue, by when they run next. */
  @Get('schedules')
  async list(@Query() { queue }: QueueDto): Promise<{ ok: true; schedules: Schedule[] }> {
    return { ok: true, schedules: await this.schedules.list(queue) };
  }
}
