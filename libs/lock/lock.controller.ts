import { Body, Controller, Delete, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { clientGone, Draining, type EventsOf } from '#lib/http';
import { AcquireDto, AcquireManyDto, LockQuery, LocksQuery, ReleaseDto, RenewDto } from './lock.dto.js';
import { LockService } from './lock.service.js';
import { EventStream, type WatchData } from './lock.stream.js';
import type { AcquireAnswer, AcquireManyAnswer, LockPage, LockView, ReleaseAnswer, RenewAnswer } from './lock.types.js';

@Controller()
export class LockController {
  constructor(
    private readonly locks: LockService,
    private readonly draining: Draining,
  ) {}

  /** Takes a lock, or waits for it. The same owner asking again in the same mode renews the lease and gets the same token. */
  @Post('lock/acquire')
  @HttpCode(200)
  async acquire(@Body() body: AcquireDto, @Res({ passthrough: true }) response: Response): Promise<AcquireAnswer> {
    return await this.locks.acquire(body, { client: clientGone(response) });
  }

  /** Gives a lock back; the next who waits has it at once. */
  @Post('lock/release')
  @HttpCode(200)
  async release(@Body() body: ReleaseDto): Promise<ReleaseAnswer> {
    return await this.locks.release(body);
  }

  /** Lets holds last for their lease from now on, name by name; `not_held` where any of them was lost. */
  @Post('lock/renew')
  @HttpCode(200)
  async renew(@Body() { owner, name, names, leaseMs }: RenewDto): Promise<RenewAnswer> {
    const all = names ?? (name === undefined ? [] : [name]);
    return await this.locks.renew({ owner, names: all, ...(leaseMs === undefined ? {} : { leaseMs }) });
  }

  /** Who holds a lock and who waits for it; a free one has mode null and empty lists. At most 1000 of each are listed. */
  @Get('lock')
  async inspect(@Query() { name }: LockQuery): Promise<{ ok: true; lock: LockView }> {
    return { ok: true, lock: await this.locks.inspect(name) };
  }

  /** Takes several locks, all or none. A refusal names the first that was not granted. */
  @Post('lock/acquire-many')
  @HttpCode(200)
  async acquireMany(
    @Body() body: AcquireManyDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<AcquireManyAnswer> {
    return await this.locks.acquireMany(body, { client: clientGone(response) });
  }

  /** Locks that are held or waited for, by name, a page at a time. A page may be short: only `cursor: null` ends the list. */
  @Get('locks')
  async list(@Query() query: LocksQuery): Promise<{ ok: true } & LockPage> {
    return { ok: true, ...(await this.locks.list(query)) };
  }

  /** Ends every hold of a lock, whoever has it; waiters stay and are served. */
  @Delete('lock')
  async forceRelease(@Query() { name }: LockQuery): Promise<{ ok: true; released: number }> {
    return { ok: true, released: await this.locks.forceRelease(name) };
  }

  /**
   * The changes of one lock as server-sent events, until either side ends it. The first event is `state`, as `GET /lock`
   * answers it; then each change is an event `acquired`, `released`, `expired` or `waiting`. No event is sent again;
   * where some were missed, `state` comes anew. `: ping` every 15 s.
   */
  @Get('lock/watch')
  async watch(@Query() { name }: LockQuery, @Res() response: Response): Promise<EventsOf<WatchData>> {
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
