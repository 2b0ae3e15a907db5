import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Body, Controller, Get, HttpCode, Module, Post, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSettings, SETTINGS } from '#lib/config';
import {
  eventually,
  get,
  post,
  startNode,
  startRedis,
  type TestNode,
  type TestRedis,
} from '../../../test/cluster/index.js';
import { Draining } from '../draining.js';
import { HttpModule } from '../http.module.js';
import { HttpAdapter } from '../http.adapter.js';
import { setUpHttp } from '../http.setup.js';
import { LoadShedder } from './load.shedder.js';

const REFUSED = { status: 503, title: 'Service Unavailable' };

describe('places for requests', () => {
  const held = new Set<() => void>();
  const hold = () =>
    new Promise<{ ok: true }>((resolve) =>
      held.add(() => {
        resolve({ ok: true });
      }),
    );
  const letGo = () => {
    for (const release of held) release();
    held.clear();
  };

  /** Stands for the services: whatever it is asked, it answers when the test says so. */
  @Controller()
  class Patient {
    @Post('work')
    @HttpCode(200)
    work(@Body() _body: object): Promise<{ ok: true }> {
      return hold();
    }

    @Get('lock/watch')
    watch(@Res() response: Response): void {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': here\n\n');
      held.add(() => response.end());
    }

    @Get('health/live')
    live(): { status: 'ok' } {
      return { status: 'ok' };
    }
  }

  const settings = readSettings({ MAX_IN_FLIGHT: '2', MAX_WAITING: '3', NODE_ID: 'node1' });
  let url: string;
  let shedder: LoadShedder;

  beforeAll(async () => {
    @Module({ providers: [{ provide: SETTINGS, useValue: settings }], exports: [SETTINGS] })
    class TestSettings {}
    @Module({ imports: [HttpModule], controllers: [Patient] })
    class TestApp {}
    const app = await NestFactory.create<NestExpressApplication>(
      { module: TestApp, imports: [{ module: TestSettings, global: true }] },
      new HttpAdapter(),
      { bodyParser: false, logger: false },
    );
    setUpHttp(app, settings);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
    shedder = app.get(LoadShedder);
    return async () => {
      letGo();
      app.get(Draining).begin();
      const server = app.getHttpServer();
      server.closeAllConnections();
      await app.close();
    };
  });

  const counts = async (working: number, waiting: number) =>
    await eventually(() => shedder.counts.working === working && shedder.counts.waiting === waiting, {
      what: `${working} requests at work and ${waiting} that wait`,
    });

  it('are bounded, and come back when the answers were sent', async () => {
    const working = [post(`${url}/work`, {}), post(`${url}/work`, { waitMs: 0 })];
    await counts(2, 0);
    const refused = await post(`${url}/work`, {});
    expect(refused.body).toMatchObject({ ...REFUSED, mayHaveTakenEffect: false });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('x-node')).toBe('node1');
    expect((await get(`${url}/nowhere`)).status).toBe(503);
    expect((await get(`${url}/health/live`)).status).toBe(200);
    letGo();
    expect((await Promise.all(working)).map(({ status }) => status)).toEqual([200, 200]);
    await counts(0, 0);
    expect((await get(`${url}/nowhere`)).status).toBe(404);
  });

  it('are not taken from others by requests that wait, which have a bound of their own', async () => {
    const waiting = [1, 60_000].map((waitMs) => post(`${url}/work`, { waitMs }));
    const watching = get(`${url}/Lock/Watch/`);
    await counts(0, 3);
    expect((await get(`${url}/nowhere`)).status).toBe(404);
    expect((await post(`${url}/work`, { waitMs: 1 })).body).toMatchObject({ ...REFUSED, mayHaveTakenEffect: false });
    const watcher = await get(`${url}/lock/watch`);
    expect(watcher.body).toMatchObject(REFUSED);
    expect(watcher.body).not.toHaveProperty('mayHaveTakenEffect');
    await counts(0, 3);
    letGo();
    expect((await Promise.all([...waiting, watching])).map(({ status }) => status)).toEqual([200, 200, 200]);
    await counts(0, 0);
  });

  it('come back when a client hangs up, waiting or not', async () => {
    const { signal, abort } = cancellable();
    const gone = [{}, { waitMs: 5 }].map((body) => post(`${url}/work`, body, { signal }).catch(() => 'gone'));
    await counts(1, 1);
    abort();
    expect(await Promise.all(gone)).toEqual(['gone', 'gone']);
    await counts(0, 0);
    letGo();
  });

  it.each(['null', '[]', '7', '{"waitMs":"5"}', '{"waitMs":-1}', '{"waitMs":null}'])(
    'are those of work for a body of %s',
    async (text) => {
      const answer = post(`${url}/work`, JSON.parse(text) as null);
      await counts(1, 0);
      letGo();
      await answer;
      await counts(0, 0);
    },
  );
});

function cancellable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort();
    },
  };
}

describe('a node', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
    return () => redis.stop();
  });

  it('counts requests whose body is still on its way, and sheds neither health nor metrics', async () => {
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { MAX_IN_FLIGHT: '2' } });
    const slow = [slowBody(node), slowBody(node)];
    await eventually(async () => (await node.get('/metrics')).text.includes('sync_http_working_requests 2'), {
      what: 'two requests to be on their way',
    });
    const refused = await node.get('/cluster');
    expect(refused.body).toMatchObject(REFUSED);
    for (const path of ['/health', '/health/live', '/health/ready', '/metrics', '/HEALTH/']) {
      expect((await node.get(path)).status, path).toBe(200);
    }
    expect((await node.get('/metrics')).text).toContain('sync_http_refused_total{reason="in_flight"} 1');
    for (const socket of slow) socket.destroy();
    await eventually(async () => (await node.get('/cluster')).status === 200, { what: 'the places to be free' });
  });

  it('serves others while many wait, up to the bound on those', async () => {
    const env = { MAX_IN_FLIGHT: '1', MAX_WAITING: '4' };
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env });
    const acquire = (owner: string, waitMs = 0, signal?: AbortSignal) =>
      node.post('/lock/acquire', { name: 'wanted', mode: 'exclusive', owner, waitMs }, { ...(signal && { signal }) });
    expect((await acquire('holder')).body).toMatchObject({ ok: true });
    const { signal, abort } = cancellable();
    const gone = [1, 2, 3].map((number) => acquire(`waiter ${number}`, 60_000, signal).catch(() => 'gone'));
    const pop = node.post('/queue/pop', { queue: 'empty', waitMs: 60_000 }, { signal }).catch(() => 'gone');
    await eventually(async () => (await node.get('/metrics')).text.includes('sync_http_waiting_requests 4'), {
      what: 'four requests to wait',
    });
    for (let call = 0; call < 5; call += 1) expect((await acquire('another')).body['reason']).toBe('locked');
    expect((await acquire('one too many', 1000)).body).toMatchObject({ ...REFUSED, mayHaveTakenEffect: false });
    abort();
    expect(await Promise.all([...gone, pop])).toEqual(['gone', 'gone', 'gone', 'gone']);
    await eventually(async () => (await acquire('late', 1)).body['reason'] === 'timeout', { what: 'room to wait' });
  });

  it('refuses while its event loop is late for long, and not after one pause', async () => {
    await using node = await startNode({
      redisUrl: redis.url,
      nodeId: 'node1',
      env: { MAX_EVENT_LOOP_DELAY_MS: '200' },
    });
    node.pause();
    await pause(700);
    node.resume();
    expect((await node.get('/health/live')).status).toBe(200);
    expect((await node.get('/nowhere')).status).toBe(404);

    // Late again and again, as under a load that is too much for it.
    const refused = await eventually(
      async () => {
        const answer = node.get('/nowhere');
        node.pause();
        await pause(400);
        node.resume();
        return (await answer).status === 503 ? answer : undefined;
      },
      { what: 'the node to refuse', everyMs: 1, timeoutMs: 20_000 },
    );
    expect(refused.body).toMatchObject(REFUSED);
    expect((await node.get('/health/live')).status).toBe(200);
    expect((await node.get('/metrics')).text).toMatch(/sync_http_refused_total\{reason="event_loop"\} [1-9]/);
    await eventually(async () => (await node.get('/nowhere')).status === 404, { what: 'the node to serve again' });
  }, 30_000);
});

/** A request that has begun: its head is there, its body is not. */
function slowBody(node: TestNode): Socket {
  const socket = connect(node.port, '127.0.0.1');
  socket.write('POST /cluster HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{');
  return socket;
}
