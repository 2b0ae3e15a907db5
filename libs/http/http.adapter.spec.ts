import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Module,
  Param,
  Post,
  Query,
  Res,
  type ArgumentsHost,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/cluster/index.js';
import { JsonText } from './answers.js';
import { giveHeaders } from './given.headers.js';
import { HttpAdapter } from './http.adapter.js';
import { readJson } from './json.body.js';
import { Problem } from './problem.js';
import { ProblemFilter } from './problem.filter.js';
import { parseQuery } from './query.parser.js';

const MAX_BODY_BYTES = 10_000;

@Controller()
class Everything {
  @Post('echo')
  @HttpCode(200)
  echo(@Body() body: unknown): object {
    return { ok: true, body: body === undefined ? 'none' : body };
  }

  @Get('things/text')
  @Header('Content-Type', 'application/json; charset=utf-8')
  text(@Query() query: object, @Res({ passthrough: true }) response: Response): string {
    response.setHeader('X-Extra', 'é'.length);
    return `{"ok":true,"query":${JSON.stringify(query)},"text":"ü"}`;
  }

  @Get('things/json')
  json(@Query() query: object): JsonText<object> {
    return new JsonText(`{"ok":true,"query":${JSON.stringify(query)},"text":"ü"}`, ['X-Extra', 'é'.length]);
  }

  @Get('things')
  async list(): Promise<object> {
    return await Promise.resolve({ ok: true, list: [null, 'ü', 1e21] });
  }

  @Delete('things')
  remove(): object {
    return Object.assign(Object.create(null) as object, { ok: true });
  }

  @Get('things/fail')
  fail(): never {
    throw new Problem(400, 'no', { headers: { 'Retry-After': '1' } });
  }

  @Get('things/defect')
  async defect(): Promise<never> {
    await Promise.resolve();
    throw new TypeError('a defect');
  }

  @Get('things/late')
  late(@Res() response: Response): never {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('begun');
    throw new Error('too late');
  }

  @Get('things/given')
  given(@Res({ passthrough: true }) response: Response): object {
    response.setHeader('cache-control', 'private');
    return { ok: true };
  }

  @Get('things/nothing')
  nothing(): undefined {
    return undefined;
  }

  @Get('things/number')
  number(): number {
    return 7;
  }

  @Get('things/plain')
  plain(): string {
    return '<p>';
  }

  @Get('things/:name')
  named(@Param('name') name: string): object {
    return { ok: true, name };
  }

  /** Behind one that takes the same path. */
  @Get('things/second')
  second(): object {
    return { ok: true, second: true };
  }
}

@Module({ controllers: [Everything] })
class EverythingModule {}

interface Subject {
  port: number;
  /** Statuses of what was told as a problem. */
  problems: number[];
  /** What the middlewares saw, in their order. */
  seen: unknown[];
}

const express: Subject = { port: 0, problems: [], seen: [] };
const ours: Subject = { port: 0, problems: [], seen: [] };
const subjects = [express, ours];

function readWithExpress(): RequestHandler {
  return json({
    limit: MAX_BODY_BYTES,
    strict: false,
    verify: (_request, _response, body) => {
      if (!isUtf8(body)) throw new Problem(400, 'The body is not UTF-8');
    },
  });
}

function misbehave(request: Request, response: Response, next: NextFunction): void {
  const how = request.headers['x-middleware'];
  if (how === 'gives') giveHeaders(response, ['X-Given', 1, 'Cache-Control', 'no-store']);
  if (how === 'throws') throw new Problem(429, 'thrown on the way');
  if (how === 'passes on') next(new Problem(429, 'passed on on the way'));
  else next();
}

async function start(subject: Subject, adapter: ExpressAdapter, reader: RequestHandler): Promise<() => Promise<void>> {
  const app = await NestFactory.create<NestExpressApplication>(EverythingModule, adapter, {
    bodyParser: false,
    logger: false,
  });
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (request.headers['x-middleware'] !== 'gives') response.setHeader('X-First', 'yes');
    response.on('close', () => {
      subject.seen.push((request.route as { path: string } | undefined)?.path);
    });
    subject.seen.push([request.method, request.path, request.originalUrl, request.ip]);
    next();
  });
  app.use(misbehave);
  app.use(reader);
  app.use((request: Request, _response: Response, next: NextFunction) => {
    subject.seen.push(request.body);
    next();
  });
  class Recorded extends ProblemFilter {
    override catch(exception: unknown, host: ArgumentsHost): void {
      super.catch(exception, host);
      subject.problems.push(host.switchToHttp().getResponse<Response>().statusCode);
    }
  }
  app.useGlobalFilters(new Recorded((path) => (path.startsWith('/things') ? ['GET', 'HEAD'] : [])));
  await app.listen(0, '127.0.0.1');
  subject.port = Number(new URL(await app.getUrl()).port);
  return async () => {
    const server = app.getHttpServer();
    server.closeAllConnections();
    await app.close();
  };
}

beforeAll(async () => {
  const stops = [
    await start(express, new ExpressAdapter(), readWithExpress()),
    await start(ours, new HttpAdapter(), readJson(MAX_BODY_BYTES)),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
});

beforeEach(() => {
  for (const subject of subjects) Object.assign(subject, { problems: [], seen: [] });
});

/** @returns all that is sent back until the connection is closed, without what differs each time */
async function exchange(port: number, parts: readonly (string | Buffer)[], cut = false): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setNoDelay(true);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  for (const part of parts) {
    socket.write(part);
    // Each in a packet of its own, most likely: time is what parts them, and what is compared holds however they come.
    if (parts.length > 1) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (cut) socket.resetAndDestroy();
  else await closed;
  return received.replaceAll(/\r\nDate: [^\r]*/g, '').replaceAll(/\r\n(Keep-Alive|Connection): [^\r]*/gi, '\r\n$1');
}

const headersInOneOrder = (text = '') => text.split('\r\n\r\n').map((part) => part.split('\r\n').sort());

async function answersOfBoth(...parts: (string | Buffer)[]): Promise<string> {
  const [fromExpress, fromOurs] = await Promise.all(subjects.map(({ port }) => exchange(port, parts)));
  expect(headersInOneOrder(fromOurs)).toEqual(headersInOneOrder(fromExpress));
  expect(ours.problems).toEqual(express.problems);
  expect(ours.seen).toEqual(express.seen);
  return fromOurs ?? '';
}

function ask(start: string, headers: readonly string[] = [], body: string | Buffer = ''): Buffer {
  const length = body.length > 0 ? [`Content-Length: ${Buffer.byteLength(body)}`] : [];
  const lines = [`${start} HTTP/1.1`, 'Host: node', 'Connection: close', ...length, ...headers];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

describe('a request is answered as Express answers it', () => {
  it.each([
    ['GET /things', 200],
    ['GET /things?', 200],
    ['GET /things/text?a=1&b=%C3%BC', 200],
    ['GET /things/text?a=%ff', 400],
    ['DELETE /things', 200],
    ['GET /things/', 200],
    ['GET /THINGS/Text', 200],
    ['GET /thing%73', 404],
    ['GET //things', 404],
    ['GET /things;a', 405],
    ['GET /things#a', 200],
    ['GET http://node/things', 200],
    ['GET /things/%zz', 400],
    ['GET /things/second', 200],
    ['GET /things/text/', 200],
    ['HEAD /things', 200],
    ['HEAD /things/text', 200],
    ['OPTIONS /things', 405],
    ['OPTIONS *', 404],
    ['PUT /things', 405],
    ['PUT /nowhere', 404],
    ['GET /', 404],
    ['GET /echo', 404],
    ['GET /things/fail', 400],
    ['GET /things/defect', 500],
    ['GET /things/nothing', 200],
    ['GET /things/number', 200],
    ['GET /things/plain', 200],
  ])('%s: %i', async (start, status) => {
    expect(await answersOfBoth(ask(start))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it.each(['throws', 'passes on'])('where a middleware %s', async (how) => {
    for (const start of ['GET /things', 'GET /Things', 'GET /nowhere']) {
      expect(await answersOfBoth(ask(start, [`X-Middleware: ${how}`]))).toMatch(/^HTTP\/1.1 429 /);
    }
  });

  it('where it fails with its head sent: cut', async () => {
    expect(await answersOfBoth(ask('GET /things/late'))).not.toContain('\r\n0\r\n');
  });

  it.each(['GET', 'HEAD'])('a JsonText as a text of this type with these headers, to %s', async (method) => {
    const set = await exchange(express.port, [ask(`${method} /things/text?a=1`)]);
    const given = await exchange(ours.port, [ask(`${method} /things/json?a=1`)]);
    expect(headersInOneOrder(given)).toEqual(headersInOneOrder(set));
    expect(given).toContain('\r\nX-Extra: 1\r\n');
  });

  it.each(['/things', '/things/given', '/Things/Given', '/things/fail', '/things/late', '/things/plain', '/nowhere'])(
    'GET %s carries what it was given, but for what was set',
    async (path) => {
      const answer = await exchange(ours.port, [ask(`GET ${path}`, ['X-Middleware: gives'])]);
      expect(answer).toContain('\r\nX-Given: 1\r\n');
      expect(answer.match(/\r\nCache-Control: .*/gi)).toEqual([
        `\r\n${path.toLowerCase() === '/things/given' ? 'cache-control: private' : 'Cache-Control: no-store'}`,
      ]);
    },
  );

  it('but is never told that nothing has changed: no answer has a tag to compare with', async () => {
    expect(await exchange(ours.port, [ask('GET /things', ['If-None-Match: *'])])).toMatch(/^HTTP\/1.1 200 /);
  });

  it('in order, where several come in one packet', async () => {
    const kept = (start: string) => `${start} HTTP/1.1\r\nHost: node\r\n\r\n`;
    const sent = ['GET /things', 'GET /things/text?a=1', 'GET /things/fail', 'GET /things/2'].map(kept);
    const text = await answersOfBoth(Buffer.concat([Buffer.from(sent.join('')), ask('GET /things/last')]));
    const at = ['"list"', '"query":{"a":"1"}', '"detail":"no"', '"name":"2"', '"name":"last"'].map((part) =>
      text.indexOf(part),
    );
    expect(at).not.toContain(-1);
    expect(at).toEqual(at.toSorted((one, other) => one - other));
  });
});

describe('a body is read as Express reads it', () => {
  const JSON_TYPE = 'Content-Type: application/json';
  const echo = (body: string | Buffer, ...headers: string[]) => ask('POST /echo', headers, body);

  it.each([
    ['an object', '{"a":[1,"ü",null],"__proto__":{"b":1}}', 200],
    ['a text', '"text"', 200],
    ['null', 'null', 200],
    ['a byte order mark', '\ufeff{"a":1}', 200],
    ['two byte order marks', '\ufeff\ufeff{}', 400],
    ['nothing but a byte order mark', '\ufeff', 200],
    ['white space', '  ', 400],
    ['no JSON', '{"a":1,}', 400],
    ['half a body', '{"a":', 400],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
    ['half a character', Buffer.from([0x22, 0xc3, 0x22]), 400],
    ['just as much as is allowed', JSON.stringify('x'.repeat(MAX_BODY_BYTES - 2)), 200],
    ['a byte too much', JSON.stringify('x'.repeat(MAX_BODY_BYTES - 1)), 413],
  ])('%s', async (_, body, status) => {
    const types = ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'];
    for (const type of types) {
      const text = await answersOfBoth(echo(body, `Content-Type: ${type}`));
      expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    }
  });

  it.each([
    ['of length 0', ask('POST /echo', [JSON_TYPE, 'Content-Length: 0'])],
    ['that is not there', ask('POST /echo', [JSON_TYPE])],
    ['in chunks', ask('POST /echo', [JSON_TYPE, 'Transfer-Encoding: chunked']), '2\r\n{"\r\n5\r\na":1}\r\n0\r\n\r\n'],
    ['compressed', echo(gzipSync('{"a":1}'), JSON_TYPE, 'Content-Encoding: gzip')],
    ['compressed, too long', echo(gzipSync(`"${'x'.repeat(MAX_BODY_BYTES)}"`), JSON_TYPE, 'Content-Encoding: gzip')],
    ['compressed in an unknown way', echo('{}', JSON_TYPE, 'Content-Encoding: rot13')],
    ['called identity', echo('{}', JSON_TYPE, 'Content-Encoding: identity')],
    ['of another type', echo('{}', 'Content-Type: text/plain')],
    ['without a type', echo('{}')],
    ['in another charset', echo('{}', `${JSON_TYPE}; charset=latin1`)],
    ['with two lengths', echo('{}', JSON_TYPE, 'Content-Length: 3')],
    ['with a length and chunks', echo('{}', JSON_TYPE, 'Transfer-Encoding: chunked')],
    ['in several packets', ask('POST /echo', [JSON_TYPE, 'Content-Length: 7']), '{"a"', ':1', '}'],
    ['that is waited for', ask('POST /echo', [JSON_TYPE, 'Content-Length: 2', 'Expect: 100-continue']), '{}'],
    ['that is not expected', ask('GET /things', [JSON_TYPE, 'Content-Length: 2']), '{}'],
  ])('one %s', async (_, ...parts) => {
    expect(await answersOfBoth(...parts)).toMatch(/^HTTP\/1.1 \d{3} /);
  });

  it('one that is cut off', async () => {
    const parts = [ask('POST /echo', [JSON_TYPE, 'Content-Length: 100']), '{"a":1'];
    for (const subject of subjects) {
      await exchange(subject.port, parts, true);
      await eventually(() => subject.problems.length > 0, { what: 'the cut to be seen' });
    }
    expect(ours.problems).toEqual(express.problems);
  });
});

it('tells that an answer is the last on its connection, whichever way it went', async () => {
  const subject: Subject = { port: 0, problems: [], seen: [] };
  const adapter = new HttpAdapter();
  const stop = await start(subject, adapter, readJson(MAX_BODY_BYTES));
  const connections = async () => {
    const answers = ['/things', '/things/json', '/things/plain', '/things/2', '/things/fail', '/nowhere'].map(
      async (path) => (await fetch(`http://127.0.0.1:${subject.port}${path}`)).headers.get('connection'),
    );
    return new Set(await Promise.all(answers));
  };
  try {
    expect(await connections()).toEqual(new Set(['keep-alive']));
    adapter.announceLastAnswers();
    expect(await connections()).toEqual(new Set(['close']));
  } finally {
    await stop();
  }
});
