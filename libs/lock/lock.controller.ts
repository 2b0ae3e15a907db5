import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ClientGone, Problem } from '#lib/http';
import { AcquireDto, LockQuery, ReleaseDto, RenewDto } from './lock.dto.js';
import { LockService } from './lock.service.js';
import type { AcquireAnswer, LockView, ReleaseAnswer, RenewAnswer } from './lock.types.js';

@Controller()
export class LockController {
  constructor(private readonly locks: LockService) {}

  @Post('lock/acquire')
  @HttpCode(200)
  async acquire(@Body() body: AcquireDto, @ClientGone() client: AbortSignal): Promise<AcquireAnswer> {
    return await this.locks.acquire(body, { client });
  }

  @Post('lock/release')
  @HttpCode(200)
  async release(@Body() body: ReleaseDto): Promise<ReleaseAnswer> {
    return await this.locks.release(body);
  }

  @Post('lock/renew')
  @HttpCode(200)
  async renew(@Body() { owner, name, names, leaseMs }: RenewDto): Promise<RenewAnswer> {
    const all = names ?? (name === undefined ? [] : [name]);
    if (all.length === 0)
      throw new Problem(400, 'The request is not valid: name or names must be given', {
        errors: [{ field: 'names', message: 'or name must be given' }],
      });
    return await this.locks.renew({ owner, names: all, ...(leaseMs === undefined ? {} : { leaseMs }) });
  }

  @Get('lock')
  async inspect(@Query() { name }: LockQuery): Promise<{ ok: true; lock: LockView }> {
    return { ok: true, lock: await this.locks.inspect(name) };
  }
}
