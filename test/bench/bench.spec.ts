import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Missing, runSubject, WrongAnswer, type Contender, type Sample } from './bench.js';
import { get, HttpLoad, post } from './http.load.js';
import { median } from './statistics.js';

const contender = (name: string, role: Contender['role'], samples: readonly Sample[]): Contender => ({
  name,
  role,
  start: () => {
    let round = 0;
    return Promise.resolve({
      round: () => Promise.resolve(samples[round++] ?? {}),
      stop: () => Promise.resolve(),
    });
  },
});

describe('a subject', () => {
  const product = contender('ours', 'product', [{ a: 1 }, { a: 20 }, { a: 60 }, { a: 30 }]);
  const rival = contender('theirs', 'rival', [{ a: 100 }, { a: 10 }, { a: 20 }, { a: 30 }]);

  it('is judged by ratios of the same round, without the first', async () => {
    const targets = [
      { measure: 'a', against: 'theirs', atLeast: 2 },
      { measure: 'a', against: 'theirs', atMost: 1.9 },
    ];
    const result = await runSubject(
      { name: 's', unit: '/s', contenders: [product, rival], targets },
      3,
      () => undefined,
    );
    expect(result.rows.map(({ value }) => value.median)).toEqual([30, 20]);
    expect(result.rows[1]?.ratio.values).toEqual([2, 3, 1]);
    expect(result.targets.map(({ met }) => met)).toEqual([true, false]);
  });

  it('goes on without what is not on this machine, and says so', async () => {
    const missing: Contender = { name: 'etcd', role: 'rival', start: () => Promise.reject(new Missing('no etcd')) };
    const result = await runSubject(
      { name: 's', unit: '/s', contenders: [product, missing], targets: [] },
      1,
      () => undefined,
    );
    expect(result.skipped).toEqual({ etcd: 'no etcd' });
  });
});

it('the median of an even number lies between the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
});

describe('load over HTTP', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    let asked = 0;
    server = createServer((request, response) => {
      asked += 1;
      request.resume().on('end', () => response.end(request.url === '/wrong' && asked > 5 ? 'no' : 'yes'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const calls = (request: string, most: number) => {
    let made = 0;
    return () => (made++ < most ? { request, accept: (body: string) => body === 'yes' } : undefined);
  };

  it('makes each call once, in a closed loop and at a rate', async () => {
    const load = await HttpLoad.connect(port, 3);
    let answered = 0;
    const counted = calls(get('/'), 20);
    const next = () => {
      const call = counted();
      return call && { ...call, accept: (body: string) => body === 'yes' && (answered += 1) > 0 };
    };
    expect(await load.closed(next, Infinity)).toBeGreaterThan(0);
    expect(answered).toBe(20);
    expect(await load.open(calls(post('/', {}), 10), 1000, 10)).toHaveLength(10);
    load.close();
  });

  it('fails where one answer is wrong', async () => {
    const load = await HttpLoad.connect(port, 2);
    await expect(load.closed(calls(get('/wrong'), 1000), Infinity)).rejects.toThrow(WrongAnswer);
    load.close();
  });
});
