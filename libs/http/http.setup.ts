import { randomUUID } from 'node:crypto';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import type { Settings } from '#lib/config';
import { authenticate, authorize } from './access/access.middleware.js';
import { Credentials } from './access/credentials.service.js';
import { Draining } from './draining.js';
import { giveHeaders } from './given.headers.js';
import { HttpAdapter } from './http.adapter.js';
import { readJson } from './json.body.js';
import { LoadShedder } from './load/load.shedder.js';
import { RateLimiter } from './load/rate.limiter.js';
import { Problem } from './problem.js';
import { ProblemFilter } from './problem.filter.js';
import { parseQuery } from './query.parser.js';
import { RequestPipe } from './request.pipe.js';
import { letPagesLoad, SECURITY_HEADERS } from './security.headers.js';

/** 1 to 128 visible ASCII characters. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const JSON_TYPE = /^application\/json\s*(;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)/i;

/**
 * Gives an application the ways of the HTTP contract: headers, JSON in and out, strict requests, problem documents.
 * Call before `listen`; the application is created with a {@link HttpAdapter} and `bodyParser: false`.
 * @throws Error where it has another adapter
 */
export function setUpHttp(app: NestExpressApplication, settings: Settings): void {
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  app.use(identify(settings.NODE_ID));
  const adapter: unknown = app.getHttpAdapter();
  if (!(adapter instanceof HttpAdapter)) throw new Error('the application was created without an HttpAdapter');
  app.get(Draining).announced.addEventListener('abort', () => {
    adapter.announceLastAnswers();
  });
  admitCallers(app, settings);
  app.use(refuseForeignBodies);
  app.use(readJson(settings.MAX_BODY_BYTES));
  app.use(app.get(LoadShedder).setWaitersAside);
  const server = app.getHttpServer();
  server.requestTimeout = settings.REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = settings.KEEP_ALIVE_MS;
  app.useGlobalPipes(new RequestPipe());
  app.useGlobalFilters(new ProblemFilter((path) => methodsOf(app, path)));
}

/** Whether a request is taken at all, decided before anything is read of it: load, who calls, how often, and what. */
function admitCallers(app: NestExpressApplication, settings: Settings): void {
  const credentials = app.get(Credentials);
  const limiter = app.get(RateLimiter);
  app.set('trust proxy', settings.TRUSTED_PROXIES);
  app.use(app.get(LoadShedder).admit);
  if (credentials.configured) app.use(authenticate(credentials));
  if (limiter.configured) app.use(limiter.limit);
  if (credentials.configured) {
    app.use(authorize(credentials, settings, (path) => methodsOf(app, path).length > 0));
  }
}

function identify(nodeId: string) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    giveHeaders(response, ['X-Node', nodeId, 'X-Request-Id', id, ...SECURITY_HEADERS]);
    letPagesLoad(response, request.path);
    next();
  };
}

/** Bodies are JSON in UTF-8, and only queries have parameters. */
function refuseForeignBodies(request: Request, _response: Response, next: NextFunction): void {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (hasBody) {
    const type = headers['content-type'] ?? '';
    if (!JSON_TYPE.test(type)) throw new Problem(415, 'The body must be application/json');
    const charset = CHARSET.exec(type)?.[1]?.toLowerCase();
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
      throw new Problem(415, 'The body must be in UTF-8');
    }
  }
  if (request.method === 'POST' && request.url.includes('?')) {
    const names = Object.keys(parseQuery(request.url.slice(request.url.indexOf('?') + 1)));
    if (names.length > 0)
      throw new Problem(400, `This call takes no query parameters, but ${names.join(', ')} was given`);
  }
  next();
}

interface RouterLayer {
  readonly route?: { readonly methods: Record<string, boolean> };
  match(path: string): boolean;
}

/** The methods that some route has for a path, as Express knows them. */
function methodsOf(app: NestExpressApplication, path: string): string[] {
  const { router } = app.getHttpAdapter().getInstance() as unknown as { router: { stack: RouterLayer[] } };
  const methods = new Set<string>();
  for (const layer of router.stack) {
    if (!layer.route || !layer.match(path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
  }
  if (methods.has('GET')) methods.add('HEAD');
  return [...methods].sort();
}
