import { isUtf8 } from 'node:buffer';
import { json, type NextFunction, type Request, type RequestHandler } from 'express';
import { Problem } from './problem.js';

/** As nearly every client writes it. */
const PLAIN_TYPES: ReadonlySet<string | undefined> = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
]);
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Reads a request's body, JSON in UTF-8. One whose length is known and that is not compressed, as bodies are, is read
 * here; any other, and one that is too long, by Express's parser, which asks more of each request than that.
 * @param maxBytes of a body, decompressed
 * @returns a middleware: 400 where it is no JSON or was cut off, 413 where it is too long
 */
export function readJson(maxBytes: number): RequestHandler {
  const readAny = json({
    limit: maxBytes,
    strict: false,
    verify: (_request, _response, body) => {
      refuseBrokenText(body);
    },
  });
  return (request, response, next) => {
    const { headers } = request;
    const length = headers['content-length'];
    if (length === undefined && headers['transfer-encoding'] === undefined) {
      next();
      return;
    }
    const isPlain = PLAIN_TYPES.has(headers['content-type']) && headers['content-encoding'] === undefined;
    if (isPlain && Number(length) > 0 && Number(length) <= maxBytes) readPlain(request, next);
    else readAny(request, response, next);
  };
}

function readPlain(request: Request, next: NextFunction): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
  });
  request.on('end', () => {
    try {
      request.body = parse(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    } catch (error) {
      next(error);
      return;
    }
    next();
  });
  request.on('close', () => {
    if (!request.complete) next(new Problem(400, 'The request was cut off'));
  });
}

function parse(body: Buffer): unknown {
  try {
    refuseBrokenText(body);
    const text = body.toString('utf8');
    const json = text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
    return json === '' ? {} : JSON.parse(json);
  } catch (cause) {
    throw new Problem(400, `Malformed request: ${(cause as Error).message}`, { cause });
  }
}

function refuseBrokenText(body: Buffer): void {
  if (!isUtf8(body)) throw new Problem(400, 'The body is not UTF-8');
}
