import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failedSubject, Missing, runSubject, WrongAnswer, type Contender, type Sample } from './bench.js';
import { competition } from './competition.js';
import { get, HttpLoad, post } from './http.load.js';
import { plotOf } from './plot.js';
import { reportOf } from './report.js';
import { latencies, median, percentile } from './statistics.js';

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
    expect(result.targets.map(({ verdict }) => verdict)).toEqual(['met', 'not met']);
  });

  it('is judged by its own figures and by its own measures against each other', async () => {
    const samples = [{}, { few: 2, many: 3 }, { few: 4, many: 4 }, { few: 1, many: 2 }];
    const targets = [
      { measure: 'many', atMost: 3 },
      { measure: 'many', atMost: 2.9 },
      { measure: 'many', against: 'ours', of: 'few', atMost: 1.5 },
      { measure: 'many', against: 'ours', of: 'few', atLeast: 1.6, atMost: 2 },
    ];
    const contenders = [contender('ours', 'product', samples)];
    const unit = { few: 'ms', many: 's' };
    const result = await runSubject({ name: 's', unit, contenders, targets }, 3, () => undefined);
    expect(result.targets.map(({ reached }) => reached)).toEqual([3, 3, 1.5, 1.5]);
    expect(result.targets.map(({ verdict }) => verdict)).toEqual(['met', 'not met', 'met', 'not met']);
    expect(result.rows.map((row) => row.unit)).toEqual(['ms', 's']);
  });

  it('makes no more rounds than it wants', async () => {
    const subject = { name: 's', unit: '/s', contenders: [product, rival], targets: [], rounds: 1 };
    const result = await runSubject(subject, 3, () => undefined);
    expect(result.samples).toEqual({ ours: [{ a: 20 }], theirs: [{ a: 10 }] });
  });

  it('does not pass over a target of which nothing was measured', async () => {
    const subject = { name: 's', unit: '/s', contenders: [product], targets: [{ measure: 'b', atMost: 1 }] };
    await expect(runSubject(subject, 1, () => undefined)).rejects.toThrow('nothing was measured of b');
  });

  it('goes on without what is not on this machine, and says so', async () => {
    const missing: Contender = { name: 'etcd', role: 'rival', start: () => Promise.reject(new Missing('no etcd')) };
    const result = await runSubject(
      {
        name: 's',
        unit: '/s',
        contenders: [product, missing],
        targets: [{ measure: 'a', against: 'etcd', atLeast: 4 }],
      },
      1,
      () => undefined,
    );
    expect(result.skipped).toEqual({ etcd: 'no etcd' });
    expect(result.targets.map(({ verdict }) => verdict)).toEqual(['not measured']);
  });
});

it('the median of an even number lies between the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
});

it('a percentile is one of the values, the least that so many are not above', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7]);
  expect(percentile([], 0.5)).toBeNaN();
  expect(latencies([3, 1, 2], 'two waiters')).toEqual({ 'p50, two waiters': 2, 'p99, two waiters': 3 });
});

describe('a competition for a lock', () => {
  /** A lock in memory, whose waiters come in order; `holds` of them at once. */
  const lockOf = (holds: number) => {
    const waiters: (() => void)[] = [];
    let held = 0;
    const one = () => ({
      acquire: () =>
        new Promise<void>((resolve) => {
          if (held < holds) resolve();
          else waiters.push(resolve);
          held += held < holds ? 1 : 0;
        }),
      release: () => {
        const next = waiters.shift();
        if (next) next();
        else held -= 1;
        return Promise.resolve();
      },
    });
    return { one, waiting: () => waiters.length };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('begins when all others wait, keeps them waiting, and ends with the lock free', async () => {
    const lock = lockOf(1);
    const waited: number[] = [];
    const delays = await competition([lock.one(), lock.one(), lock.one()], {
      ready: () => {
        waited.push(lock.waiting());
        return Promise.resolve();
      },
      hold: async () => {
        await turn();
        waited.push(lock.waiting());
      },
      forMs: 0,
      atLeast: 7,
    });
    expect(new Set(waited)).toEqual(new Set([2]));
    expect(delays).toHaveLength(7);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(lock.waiting()).toBe(0);
    await lock.one().acquire();
  });

  it('fails where two have the lock', async () => {
    const lock = lockOf(2);
    const rules = { ready: turn, hold: turn, forMs: 20, atLeast: 0 };
    await expect(competition([lock.one(), lock.one(), lock.one()], rules)).rejects.toThrow(WrongAnswer);
  });
});

describe('the report', () => {
  const conditions = { date: '2000-01-01', node: 'v24', machine: 'a machine', rounds: 2, forMs: 10 };
  const small = contender('100', 'control', [{}, { a: 10 }, { a: 10 }]);
  const large = contender('1 000', 'product', [{}, { a: 11 }, { a: 13 }]);
  const subject = {
    name: 'Growth',
    unit: { a: 'bytes' },
    contenders: [small, large],
    targets: [
      { measure: 'a', against: '100', atLeast: 0.9, atMost: 1.1 },
      { measure: 'a', atMost: 1500 },
      { measure: 'a', against: 'nobody', atMost: 1 },
    ],
    layout: 'columns' as const,
  };

  it('says of each target whether it is met, and lays sizes beside each other', async () => {
    const missing: Contender = { name: 'nobody', role: 'rival', start: () => Promise.reject(new Missing('gone')) };
    const result = await runSubject({ ...subject, contenders: [small, large, missing] }, 2, () => undefined);
    const report = reportOf([result], conditions);
    expect(report).toContain('Of 3 targets 1 are met, 1 are not, 1 were not measured.');
    expect(report).toContain('| Growth: a | 100 | at least 0.9, at most 1.1 | 1.20 | **not met** |');
    expect(report).toContain('| Growth: a | nothing: the figure itself | at most 1500 bytes | 12 bytes | met |');
    expect(report).toContain('| Growth: a | nobody | at most 1 |  | **not measured** |');
    expect(report).toContain('| | 100 | 1 000 |\n|---|---:|---:|\n| a (bytes) | 10 | 12 |');
    expect(report).toContain('Not measured: nobody, since gone.');
    expect(plotOf(result)).toContain('>a (bytes)</text>');
  });

  it('says of a subject that failed why, and counts its targets among those not measured', () => {
    const report = reportOf([failedSubject(subject, new WrongAnswer('it was 503'))], conditions);
    expect(report).toContain('Of 3 targets 0 are met, 0 are not, 3 were not measured.');
    expect(report).toContain('| Growth: a | 100 | at least 0.9, at most 1.1 |  | **not measured** |');
    expect(report).toContain('## Growth\n\n**Failed, so that nothing of it is known**: WrongAnswer: it was 503.');
    expect(report).not.toContain('svg');
  });

  it('draws no bar of what is below nothing', async () => {
    const negative = contender('100', 'product', [{}, { a: -1 }, { a: 0 }]);
    const result = await runSubject({ ...subject, contenders: [negative], targets: [] }, 2, () => undefined);
    expect(plotOf(result)).toContain('width="0"');
    expect(plotOf(result)).not.toMatch(/NaN|="-/);
  });
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
    expect((await load.open(calls(post('/', {}), 10), 1000, 10)).answered).toHaveLength(10);
    load.close();
  });

  it('counts a call at a rate from when it was due: a stall counts for each that came meanwhile', async () => {
    const load = await HttpLoad.connect(port, 2);
    const stallMs = 100;
    let answered = 0;
    const next = () => ({
      request: get('/'),
      accept: () => {
        answered += 1;
        for (const until = performance.now() + stallMs; answered === 1 && performance.now() < until;);
        return true;
      },
    });
    const { sent, answered: delays } = await load.open(next, 1000, 2 * stallMs);
    load.close();
    // One is due every millisecond; those of the first half of the stall wait for its second half at least.
    for (const all of [sent, delays]) expect(all.filter((delay) => delay >= stallMs / 2).length).toBeGreaterThan(40);
    expect(delays).toHaveLength(2 * stallMs);
  });

  it('fails where one answer is wrong', async () => {
    const load = await HttpLoad.connect(port, 2);
    await expect(load.closed(calls(get('/wrong'), 1000), Infinity)).rejects.toThrow(WrongAnswer);
    load.close();
  });
});
