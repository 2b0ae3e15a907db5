import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { SETTINGS, type Settings } from '#lib/config';
import { callerOf } from '../access/access.middleware.js';
import { isWatcher } from '../plain.path.js';
import { Problem } from '../problem.js';
import { networkOf } from './address.js';
import { TokenBuckets } from './token.buckets.js';

/**
 * Bounds how often one caller calls this node: by its credential, else by its address. Calls with a token that is not
 * known count for their address, so that guessing has a bound too. Health and metrics are not counted.
 */
@Injectable()
export class RateLimiter {
  readonly events = new EventEmitter<{ limited: [] }>();
  readonly #buckets: TokenBuckets | undefined;

  constructor(@Inject(SETTINGS) { RATE_LIMIT_PER_S, RATE_LIMIT_MAX_CALLERS }: Settings) {
    if (RATE_LIMIT_PER_S > 0) this.#buckets = new TokenBuckets(RATE_LIMIT_PER_S, RATE_LIMIT_MAX_CALLERS);
  }

  get configured(): boolean {
    return this.#buckets !== undefined;
  }

  /** After the caller is known, and before it is told what it may not do. */
  readonly limit = (request: Request, _response: Response, next: NextFunction): void => {
    if (!this.#buckets || isWatcher(request.path)) {
      next();
      return;
    }
    const credential = callerOf(request);
    const caller = credential ? `credential ${credential.name}` : `address ${networkOf(request.ip ?? '')}`;
    const waitMs = this.#buckets.take(caller, performance.now());
    if (waitMs > 0) {
      this.events.emit('limited');
      throw new Problem(429, `There are more calls by the ${caller} than this node takes`, {
        headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
      });
    }
    next();
  };
}
