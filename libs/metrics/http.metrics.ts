import { performance } from 'node:perf_hooks';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { NextFunction, Request, Response } from 'express';
import type { Histogram } from 'prom-client';
import { metric } from './metrics.table.js';

/** Times every request by its route, never by its path: unknown paths share one label. */
@Injectable()
export class HttpMetrics implements NestMiddleware {
  constructor(@InjectMetric(metric.httpDuration) private readonly duration: Histogram) {}

  use(request: Request, response: Response, next: NextFunction): void {
    const started = performance.now();
    response.once('close', () => {
      const route = (request.route as { path?: unknown } | undefined)?.path;
      this.duration.observe(
        {
          method: request.method,
          route: typeof route === 'string' ? route : 'none',
          status: response.writableFinished ? response.statusCode : 'hung up',
        },
        (performance.now() - started) / 1000,
      );
    });
    next();
  }
}
