import { EventEmitter } from 'node:events';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { SETTINGS, type Settings } from '#lib/config';
import { isWatcher, plainPath } from '../plain.path.js';
import { Problem } from '../problem.js';
import { EventLoopDelay } from './event-loop.delay.js';

/** Why a request was refused: a bound on requests that work, on those that wait, or on the delay of the event loop. */
export type ShedReason = 'in_flight' | 'waiting' | 'event_loop';

/** A request works, or waits for something that others do; only the first is load. */
export type RequestKind = 'working' | 'waiting';

const PLACE = Symbol('place');

/** Until its answer was sent, a request knows which place it has: a list of all would keep them (docs/results/profile.md). */
interface Admitted extends Request {
  [PLACE]?: RequestKind | undefined;
}

/** Answers that stay open for events. */
const STREAMS: ReadonlySet<string> = new Set(['/lock/watch']);

const detail: Record<ShedReason, string> = {
  in_flight: 'This node has as many requests in flight as it takes',
  waiting: 'This node has as many waiting requests as it takes',
  event_loop: 'This node is busier than it should be',
};

/**
 * Refuses what is more than this node can do, at once and before anything of it is read, so that the rest is served as
 * fast as ever. What watches the node (health, metrics) is never refused.
 *
 * Requests that wait (`waitMs` above 0, and event streams) are counted apart, with a bound of their own: thousands of
 * them cost little and may stay for a minute, so they must not take the places of requests that are done in a moment.
 */
@Injectable()
export class LoadShedder implements OnModuleInit, OnModuleDestroy {
  readonly events = new EventEmitter<{ shed: [reason: ShedReason] }>();
  readonly delay = new EventLoopDelay();

  readonly #counts: Record<RequestKind, number> = { working: 0, waiting: 0 };

  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  onModuleInit(): void {
    this.delay.start();
  }

  onModuleDestroy(): void {
    this.delay.stop();
  }

  /** How many requests this node has at the moment. */
  get counts(): Readonly<Record<RequestKind, number>> {
    return this.#counts;
  }

  /** First of all: takes a place for the request, which it keeps until its answer was sent or its client is gone. */
  readonly admit = (request: Admitted, response: Response, next: NextFunction): void => {
    const { path } = request;
    if (isWatcher(path)) {
      next();
      return;
    }
    if (this.delay.lastsAbove(this.settings.MAX_EVENT_LOOP_DELAY_MS)) throw this.#refuse(request, 'event_loop');
    const kind = STREAMS.has(plainPath(path)) ? 'waiting' : 'working';
    this.#take(request, kind);
    response.on('close', () => {
      const held = request[PLACE];
      if (held) this.#counts[held] -= 1;
      request[PLACE] = undefined;
    });
    next();
  };

  /** Once the body is known: a request that may wait gives its place to others, and takes one among those that wait. */
  readonly setWaitersAside = (request: Admitted, _response: Response, next: NextFunction): void => {
    const { waitMs } = (request.body ?? {}) as { waitMs?: unknown };
    if (typeof waitMs === 'number' && waitMs > 0 && request[PLACE] === 'working') {
      this.#take(request, 'waiting');
      this.#counts.working -= 1;
    }
    next();
  };

  #take(request: Admitted, kind: RequestKind): void {
    const { MAX_IN_FLIGHT, MAX_WAITING } = this.settings;
    if (this.#counts[kind] >= (kind === 'working' ? MAX_IN_FLIGHT : MAX_WAITING)) {
      throw this.#refuse(request, kind === 'working' ? 'in_flight' : 'waiting');
    }
    this.#counts[kind] += 1;
    request[PLACE] = kind;
  }

  #refuse({ method }: Request, reason: ShedReason): Problem {
    this.events.emit('shed', reason);
    const reads = method === 'GET' || method === 'HEAD';
    const effect = reads ? '; ask again, or another node' : '; the call has taken no effect';
    return new Problem(503, detail[reason] + effect, {
      headers: { 'Retry-After': '1' },
      ...(reads ? {} : { mayHaveTakenEffect: false }),
    });
  }
}
