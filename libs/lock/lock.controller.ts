import { Body, Controller, Delete, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { ClientGone, Draining, Problem } from '#lib/http';
import { AcquireDto, AcquireManyDto, LockQuery, LocksQuery, ReleaseDto, RenewDto } from './lock.dto.js';
import { LockService } from './lock.service.js';
import { EventStream } from './lock.stream.js';
import type { AcquireAnswer, AcquireManyAnswer, LockPage, LockView, ReleaseAnswer, RenewAnswer } from './lock.types.js';

@Controller()
export class LockController {
  constructor(
    private readonly locks: LockService,
    private readonly draining: Draining,
  ) {}

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

  @Post('lock/acquire-many')
  @HttpCode(200)
  async acquireMany(@Body() body: AcquireManyDto, @ClientGone() client: AbortSignal): Promise<AcquireManyAnswer> {
    return await this.locks.acquireMany(body, { client });
  }

  @Get('locks')
  async list(@Query() query: LocksQuery): Promise<{ ok: true } & LockPage> {
    return { ok: true, ...(await this.locks.list(query)) };
  }

  @Delete('lock')
  async forceRelease(@Query() { name }: LockQuery): Promise<{ ok: true; released: number }> {
    return { ok: true, released: await this.locks.forceRelease(name) };
  }

  @Get('lock/watch')
  async watch(@Query() { name }: LockQuery, @Res() response: Response): Promise<void> {
    const stream = new EventStream(response);
    const end = await this.locks.watch(name, (event) => {
      stream.send(event);
    });
    const onDrain = () => {
      stream.end();
    };
    stream.onEnd(() => {
      this.draining.signal.removeEventListener('abort', onDrain);
      end();
    });
    if (this.draining.signal.aborted) stream.end();
    else this.draining.signal.addEventListener('abort', onDrain);
  }
}
