import { performance } from 'node:perf_hooks';
import { Inject, Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { METRICS, type Metrics } from './metrics.table.js';

/** Times every request by its route, never by its path: unknown paths share one label. */
@Injectable()
export class HttpMetrics {
  constructor(@Inject(METRICS) private readonly metrics: Metrics) {}

  /** A middleware. */
  readonly time = (request: Request, response: Response, next: NextFunction): void => {
    const started = performance.now();
    response.on('close', () => {
      const route = (request.route as { path?: unknown } | undefined)?.path;
      this.metrics.httpDuration.observe(
        {
          method: request.method,
          route: typeof route === 'string' ? route : 'none',
          status: response.writableFinished ? response.statusCode : 'hung up',
        },
        (performance.now() - started) / 1000,
      );
    });
    next();
  };
}
