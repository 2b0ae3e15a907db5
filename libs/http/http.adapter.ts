import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Application, Request, Response } from 'express';
import { JsonText } from './answers.js';
import { AnswersTogether } from './answers.together.js';
import { DirectRoutes, type RouterLayer } from './direct.routes.js';
import { giveHeaders, givenHeaders, setGivenHeaders } from './given.headers.js';

const JSON_TYPE = 'application/json; charset=utf-8';

interface Express extends Application {
  readonly request: Request;
  readonly response: Response;
  readonly router: Application['router'] & { readonly stack: readonly RouterLayer[] };
}

/**
 * Nest's adapter for Express without what Express does per request that this contract does not ask for: its search for a
 * route ({@link DirectRoutes}), its change of every request's and response's prototype, and `response.send`, which takes
 * the content type apart and looks for an ETag.
 */
export class HttpAdapter extends ExpressAdapter {
  readonly #answers = new AnswersTogether();
  #direct: DirectRoutes | undefined;
  #answersAreLast = false;

  /**
   * From now on every answer tells that it is the last on its connection (`Connection: close`), those that are under way
   * included: a client or balancer then connects anew, elsewhere as soon as it has seen that this node is not ready,
   * instead of sending its next call into a connection that is being closed; and nothing idle is left that a stop would
   * wait for.
   */
  announceLastAnswers(): void {
    this.#answersAreLast = true;
  }

  /** Plain HTTP: TLS is for whoever stands in front. */
  override initHttpServer(): void {
    const express = this.getInstance<Express>();
    const areLast = () => this.#answersAreLast;
    function writeGivenHead(this: ServerResponse, status: number, ...more: never[]): ServerResponse {
      if (areLast()) this.shouldKeepAlive = false;
      if (more.length === 0 && this.getHeaderNames().length === 0) return writeHead(this, status, givenHeaders(this));
      setGivenHeaders(this);
      return writeHead(this, status, ...more);
    }
    // Born as what Express would make of them.
    class ExpressRequest extends IncomingMessage {}
    class ExpressResponse extends ServerResponse {}
    Object.setPrototypeOf(ExpressRequest.prototype, express.request);
    Object.setPrototypeOf(ExpressResponse.prototype, express.response);
    this.httpServer = createServer(
      { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse },
      (incoming, outgoing) => {
        const request = incoming as unknown as Request;
        const response = outgoing as unknown as Response;
        request.res = response;
        // Its own, since every application of Express that it passes through changes its prototype.
        outgoing.writeHead = writeGivenHead;
        request.originalUrl = request.url;
        this.#answers.came();
        // Everything is registered before the first request.
        this.#direct ??= new DirectRoutes(express.router.stack);
        if (!this.#direct.take(request, response)) express(request, response);
      },
    );
  }

  /** Answers with a body: an object, or a text that is JSON. */
  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const isText = body instanceof JsonText;
    if (!isText && (response.getHeader('Content-Type') !== undefined || !isPlainObject(body))) {
      return super.reply(response, body, statusCode);
    }
    if (statusCode !== undefined) response.statusCode = statusCode;
    const text = isText ? body.text : JSON.stringify(body);
    giveHeaders(response, [
      'Content-Type',
      JSON_TYPE,
      'Content-Length',
      Buffer.byteLength(text),
      ...(isText ? body.headers : []),
    ]);
    this.#answers.end(response, text);
    return response;
  }
}

function writeHead(response: ServerResponse, status: number, ...more: readonly unknown[]): ServerResponse {
  return ServerResponse.prototype.writeHead.call(response, status, ...(more as never[])) as ServerResponse;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
