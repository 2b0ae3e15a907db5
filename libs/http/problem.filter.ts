import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { RedisUnavailable } from '#lib/redis';
import { givenHeader } from './given.headers.js';
import { Problem } from './problem.js';

/** Tells every failure as an RFC 9457 document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Http');

  /** @param methodsOf the methods that a path can be called with */
  constructor(private readonly methodsOf: (path: string) => string[]) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const problem = this.#asProblem(exception, request);
    if (problem.getStatus() === 500) {
      this.#logger.error({ err: exception, requestId: givenHeader(response, 'X-Request-Id'), path: request.path });
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(problem.getStatus()).set(problem.headers);
    response.type('application/problem+json').send(JSON.stringify(problem.toDocument()));
  }

  #asProblem(exception: unknown, request: Request): Problem {
    if (exception instanceof Problem) return exception;
    if (exception instanceof RedisUnavailable) return redisAway(exception, request);
    const { status, type, message } = asHttpError(exception);
    switch (status) {
      case 400:
        return new Problem(
          400,
          type === 'request.aborted' ? 'The request was cut off' : `Malformed request: ${message}`,
        );
      case 404:
        return this.#noRoute(request);
      case 413:
        return new Problem(413, 'The body is larger than this node accepts');
      case 415:
        return new Problem(415, message);
      default:
        if (status < 500) return new Problem(status, message);
        if (status === 503) return new Problem(503, message, { headers: { 'Retry-After': '1' } });
        return new Problem(500, 'Something went wrong on this node; its log says what', { cause: exception });
    }
  }

  #noRoute(request: Request): Problem {
    const methods = this.methodsOf(request.path);
    if (methods.length === 0) return new Problem(404, `There is no route ${request.path}`);
    const allow = methods.join(', ');
    return new Problem(405, `${request.path} can be called with ${allow}`, { headers: { Allow: allow } });
  }
}

function redisAway(exception: RedisUnavailable, request: Request): Problem {
  const { message, mayHaveTakenEffect } = exception;
  const headers = { 'Retry-After': '1' };
  if (request.method === 'GET' || request.method === 'HEAD') return new Problem(503, message, { headers });
  const effect = mayHaveTakenEffect ? 'the call may have taken effect' : 'the call has taken no effect';
  return new Problem(503, `${message}; ${effect}`, { headers, mayHaveTakenEffect, cause: exception });
}

/** Nest's exceptions and those of Express's parsers carry a status; anything else is a defect. */
function asHttpError(exception: unknown): { status: number; type: string; message: string } {
  if (exception instanceof HttpException) {
    return { status: exception.getStatus(), type: '', message: exception.message };
  }
  const { status, type, message } = exception as { status?: unknown; type?: unknown; message?: unknown };
  return {
    status: typeof status === 'number' ? status : 500,
    type: typeof type === 'string' ? type : '',
    message: typeof message === 'string' ? message : '',
  };
}
