import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type Json, type TestCluster } from '../cluster/index.js';

/** What the contract promises of queues, over HTTP on three nodes. */
describe('queues over HTTP', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
  });
  afterAll(async () => {
    await cluster.stop();
  });

  const post = async (node: number, path: string, body: Json) => {
    const answer = await cluster.node(node).post(path, body);
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  const get = async (node: number, path: string, method = 'GET') => {
    const answer = await cluster.node(node).request(method, path);
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  const named = (queue: string) => `queue=${encodeURIComponent(queue)}`;

  it('pops on one node what was pushed on another, and nothing else', async () => {
    const pushed = await post(2, '/queue/push', { queue: 'orders', payload: { order_id: 1, item: 'book' } });
    expect(pushed).toEqual({ ok: true, id: expect.any(String) as string });
    const popped = await post(3, '/queue/pop', { queue: 'orders', payload: {} });
    expect(popped).toEqual({ ok: true, item: { order_id: 1, item: 'book' } });
    expect(await post(1, '/queue/pop', { queue: 'orders' })).toEqual({ ok: false, reason: 'empty', item: null });
  });

  it('has an answer of its own for each form of pop', async () => {
    const queue = 'forms';
    await post(1, '/queue/push-many', {
      queue,
      messages: [{ payload: 1 }, { payload: 2 }, { payload: 3 }, { payload: 4 }],
    });
    expect(await post(2, '/queue/pop', { queue, count: 1 })).toEqual({ ok: true, items: [1] });
    const one = await post(3, '/queue/pop', { queue, ack: 'manual', visibilityMs: 60_000 });
    expect(one).toEqual({
      ok: true,
      item: 2,
      id: expect.any(String) as string,
      receipt: expect.any(String) as string,
      deliveries: 1,
    });
    const many = await post(1, '/queue/pop', { queue, ack: 'manual', count: 100 });
    expect(many).toMatchObject({
      ok: true,
      messages: [
        { item: 3, deliveries: 1 },
        { item: 4, deliveries: 1 },
      ],
    });
    expect(await get(2, `/queue?${named(queue)}`)).toEqual({
      ok: true,
      queue,
      ready: 0,
      delayed: 0,
      inflight: 3,
      dead: 0,
      paused: false,
      oldestMs: null,
    });
    expect(await post(2, '/queue/ack', { queue, receipt: one['receipt'] ?? '' })).toEqual({ ok: true, acked: 1 });
    expect(await post(2, '/queue/ack', { queue, receipts: ['x'] })).toEqual({
      ok: false,
      reason: 'stale_receipt',
      acked: 0,
      stale: ['x'],
    });
  });

  it.each<[string, string]>([
    ['nested', '{"a":[{"b":{"c":[null,true,{"d":"e"}]}}]}'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['an empty array', '[]'],
    ['an empty text', '""'],
    [
      'numbers at the edge',
      '[9007199254740993,9007199254740991,0.1,1e308,5e-324,1.7976931348623157e+308,0,123456789012345680000]',
    ],
    ['unicode', JSON.stringify('ü 漢字 🎈 \u0000 \u2028 \\ " \ufeff')],
    ['a lone surrogate', '"\\ud800"'],
    ['keys of every kind', '{"__proto__":{"x":1},"constructor":2,"":3,"toString":null}'],
    ['100 levels', `${'['.repeat(100)}${']'.repeat(100)}`],
    ['900 KB', JSON.stringify('x'.repeat(900 * 1024))],
  ])('give back what they were given: %s', async (name, payload) => {
    const queue = `payload ${name}`;
    const pushed = await cluster.node(1).request('POST', '/queue/push', {
      headers: { 'content-type': 'application/json' },
      text: `{"queue":${JSON.stringify(queue)},"payload":${payload}}`,
    });
    expect(pushed.status, pushed.text).toBe(200);
    const canonical = JSON.stringify(JSON.parse(payload));
    const peeked = await cluster.node(2).get(`/queue/peek?${named(queue)}`);
    expect(peeked.text).toContain(`"item":${canonical}`);
    const popped = await cluster.node(3).post('/queue/pop', { queue });
    expect(popped.text).toBe(`{"ok":true,"item":${canonical}}`);
  });

  it('have names of every kind, which never collide', async () => {
    const names = [
      'a:b',
      'a%3Ab',
      'a%253Ab',
      '{a}',
      '{a',
      'a}',
      '*',
      '?',
      '[a]',
      'a/b',
      '../a',
      'a b',
      ' a',
      'a ',
      'A',
      'a',
      'ü',
      'u\u0308',
      '漢字',
      '🎈',
      '"',
      "'",
      '\\',
      '%',
      '+',
      '&',
      '#',
      'wait',
      'a:wait',
      'meta',
      '0:',
      '__proto__',
      'x'.repeat(512),
      '🎈'.repeat(512),
    ];
    await Promise.all(
      names.map(async (queue, index) => await post(1 + (index % 3), '/queue/push', { queue, payload: queue })),
    );
    for (const [index, queue] of names.entries()) {
      expect(await get(1 + ((index + 1) % 3), `/queue?${named(queue)}`)).toMatchObject({ queue, ready: 1 });
      expect(await post(1 + ((index + 2) % 3), '/queue/pop', { queue })).toEqual({ ok: true, item: queue });
    }
  });

  it('are listed by name, page by page and on any node, by prefix too', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `list/${['é', 'z', 'Z', '🎈', '~'][i % 5] ?? ''}${i}`);
    for (const queue of names) await post(1, '/queue/push', { queue, payload: 1 });
    const seen: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await get(1 + (pages % 3), `/queues?prefix=${encodeURIComponent('list/')}&limit=4${after}`);
      const queues = page['queues'] as readonly { queue: string; ready: number }[];
      expect(queues.length).toBeLessThanOrEqual(4);
      seen.push(...queues.map(({ queue }) => queue));
      expect(queues.every(({ ready }) => ready === 1)).toBe(true);
      cursor = page['cursor'] as string | null;
      pages += 1;
    } while (cursor !== null);
    expect(seen).toEqual(names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect((await cluster.node(1).get('/queues?cursor=nonsense')).status).toBe(400);
  });

  it.each<[string, string, Json]>([
    ['no queue', '/queue/push', { payload: 1 }],
    ['no payload', '/queue/push', { queue: 'q' }],
    ['an unknown field', '/queue/push', { queue: 'q', payload: 1, delay: 5 }],
    ['a priority over 100', '/queue/push', { queue: 'q', payload: 1, priority: 101 }],
    ['a delay over a year', '/queue/push', { queue: 'q', payload: 1, delayMs: 31_536_000_001 }],
    ['null for a field', '/queue/push', { queue: 'q', payload: 1, ttlMs: null }],
    ['dedupMs alone', '/queue/push', { queue: 'q', payload: 1, dedupMs: 1 }],
    ['no message', '/queue/push-many', { queue: 'q', messages: [] }],
    ['a bad message', '/queue/push-many', { queue: 'q', messages: [{ payload: 1 }, {}] }],
    ['101 levels', '/queue/push', JSON.parse(`{"queue":"q","payload":${'['.repeat(101)}${']'.repeat(101)}}`) as Json],
    ['visibilityMs without receipts', '/queue/pop', { queue: 'q', visibilityMs: 1000 }],
    ['a wait over a minute', '/queue/pop', { queue: 'q', waitMs: 60_001 }],
    ['receipt beside receipts', '/queue/ack', { queue: 'q', receipt: 'a', receipts: ['b'] }],
    ['no receipt', '/queue/ack', { queue: 'q' }],
    ['a delay beside dead', '/queue/nack', { queue: 'q', receipt: 'a', dead: true, delayMs: 1 }],
    ['a visibility under 100 ms', '/queue/extend', { queue: 'q', receipt: 'a', visibilityMs: 99 }],
    ['a state that is none', '/queue/purge', { queue: 'q', state: 'lost' }],
    ['cron beside everyMs', '/queue/schedule', { queue: 'q', id: 's', payload: 1, cron: '* * * * *', everyMs: 1000 }],
    ['a timezone without cron', '/queue/schedule', { queue: 'q', id: 's', payload: 1, everyMs: 1000, timezone: 'UTC' }],
    ['a cron of four fields', '/queue/schedule', { queue: 'q', id: 's', payload: 1, cron: '* * * *' }],
    ['a cron without a time', '/queue/schedule', { queue: 'q', id: 's', payload: 1, cron: '0 0 30 2 *' }],
  ])('refuse with 400: %s', async (_, path, body) => {
    const answer = await cluster.node(1).post(path, body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((answer.body['errors'] as readonly unknown[]).length).toBeGreaterThan(0);
  });

  it('are paused, resumed, purged by state and deleted', async () => {
    const queue = 'admin';
    await post(1, '/queue/push-many', {
      queue,
      messages: [{ payload: 1 }, { payload: 2 }, { payload: 3, delayMs: 60_000 }],
    });
    await post(1, '/queue/pause', { queue });
    expect(await post(2, '/queue/pop', { queue })).toMatchObject({ reason: 'empty' });
    expect(await get(3, `/queue?${named(queue)}`)).toMatchObject({ paused: true, ready: 2, delayed: 1 });
    await post(2, '/queue/resume', { queue });
    expect(await post(3, '/queue/pop', { queue })).toEqual({ ok: true, item: 1 });
    expect(await post(1, '/queue/purge', { queue, state: 'ready' })).toEqual({ ok: true, removed: 1 });
    expect(await post(1, '/queue/purge', { queue })).toEqual({ ok: true, removed: 1 });
    await post(1, '/queue/schedule', { queue, id: 's', payload: 1, everyMs: 60_000 });
    expect(await get(1, `/queue?${named(queue)}`, 'DELETE')).toEqual({ ok: true, removed: 0 });
    expect(await get(2, `/queue/schedules?${named(queue)}`)).toEqual({ ok: true, schedules: [] });
    expect(await get(2, `/queues?prefix=${queue}`)).toEqual({ ok: true, queues: [], cursor: null });
  });

  it('run schedules once per time, whichever node does it, until they are removed', async () => {
    const queue = 'scheduled';
    const started = Date.now();
    const set = await post(1, '/queue/schedule', { queue, id: 'each second', payload: { n: 1 }, everyMs: 1000 });
    expect(Math.abs(Number(set['nextAt']) - started - 1000)).toBeLessThan(500);
    const again = await post(2, '/queue/schedule', { queue, id: 'each second', payload: { n: 2 }, everyMs: 1000 });
    expect(again).toEqual(set);
    await post(2, '/queue/schedule', {
      queue,
      id: 'at night',
      payload: null,
      cron: '0 3 * * *',
      timezone: 'Europe/Berlin',
    });
    const { schedules } = await get(3, `/queue/schedules?${named(queue)}`);
    expect(schedules).toEqual([
      { id: 'each second', payload: { n: 2 }, everyMs: 1000, nextAt: set['nextAt'] },
      {
        id: 'at night',
        payload: null,
        cron: '0 3 * * *',
        timezone: 'Europe/Berlin',
        nextAt: expect.any(Number) as number,
      },
    ]);
    for (let run = 0; run < 2; run += 1) {
      expect(await post(3, '/queue/pop', { queue, waitMs: 5000 })).toEqual({ ok: true, item: { n: 2 } });
    }
    expect(Date.now() - started).toBeGreaterThan(1900);
    const query = `${named(queue)}&id=${encodeURIComponent('each second')}`;
    expect(await get(1, `/queue/schedule?${query}`, 'DELETE')).toEqual({ ok: true });
    expect(await get(2, `/queue/schedule?${query}`, 'DELETE')).toEqual({ ok: false, reason: 'not_found' });
    expect(await post(3, '/queue/pop', { queue, waitMs: 1500 })).toMatchObject({ reason: 'empty' });
  });

  it('show themselves on the board, which changes nothing', async () => {
    const queue = '!board';
    await post(1, '/queue/push', { queue, payload: { shown: true } });
    const board = '/admin/queues';
    const page = await cluster.node(1).get(board);
    expect(page.text).toContain('<title>Queues</title>');
    // Nothing of it comes from elsewhere, and it tells no more of what it is made of than any answer.
    expect(page.text).not.toMatch(/(href|src)="https?:/);
    const [, style = ''] = /href="(static\/css\/[^"]+)"/.exec(page.text) ?? [];
    for (const path of [board, `${board}/api/queues`, `${board}/${style}`]) {
      const { status, headers } = await cluster.node(1).get(path);
      expect(status, path).toBe(200);
      expect(headers.get('cache-control'), path).toBe('no-store');
      for (const name of ['x-powered-by', 'etag', 'last-modified']) expect(headers.get(name), path).toBeNull();
    }
    const shown = await eventually(
      async () => {
        const { queues } = (await cluster.node(1).get(`${board}/api/queues`)).body as unknown as {
          queues: { displayName: string; readOnlyMode: boolean; counts: { prioritized: number } }[];
        };
        return queues.find(({ displayName }) => displayName === queue);
      },
      { what: 'the queue on the board', timeoutMs: 10_000, everyMs: 200 },
    );
    expect(shown).toMatchObject({ readOnlyMode: true, counts: { prioritized: 1 } });
    const jobs = await cluster.node(1).get(`${board}/api/queues?activeQueue=${encodeURIComponent(queue)}`);
    expect(jobs.text).toContain('"shown":true');
    for (const [method, action] of [
      ['PUT', 'pause'],
      ['PUT', 'empty'],
      ['PUT', 'obliterate'],
      ['POST', 'add'],
    ] as const) {
      const answer = await cluster
        .node(1)
        .request(method, `${board}/api/queues/${encodeURIComponent(queue)}/${action}`);
      expect(answer.status).toBe(405);
    }
    expect(await get(2, `/queue?${named(queue)}`)).toMatchObject({ ready: 1, paused: false });
  });

  it('show counts, depth and age in the metrics', async () => {
    const queue = '!metrics "quoted"';
    await post(1, '/queue/push', { queue, payload: 1, delayMs: 60_000 });
    await post(1, '/queue/push', { queue, payload: 2 });
    const shown = await eventually(
      async () => {
        const { text } = await cluster.node(1).get('/metrics');
        return text.includes('queue="!metrics') && text;
      },
      { what: 'the queue in the metrics', everyMs: 200 },
    );
    const label = 'queue="!metrics \\"quoted\\""';
    expect(shown).toContain(`sync_queue_messages{${label},state="delayed"} 1`);
    expect(shown).toContain(`sync_queue_messages{${label},state="ready"} 1`);
    expect(shown).toMatch(/sync_queue_oldest_age_seconds\{queue="!metrics[^}]*\} [\d.]+/);
    expect(Number(/^sync_queue_pushed_total (\d+)/m.exec(shown)?.[1])).toBeGreaterThan(1);
  });

  it('give a pop whose client hung up to the next', async () => {
    const queue = 'hung up';
    const controller = new AbortController();
    const gone = cluster
      .node(1)
      .post('/queue/pop', { queue, waitMs: 20_000, ack: 'manual' }, { signal: controller.signal });
    const stays = cluster.node(2).post('/queue/pop', { queue, waitMs: 20_000 });
    const refused = expect(gone).rejects.toThrow();
    setTimeout(() => {
      controller.abort();
    }, 100);
    await refused;
    await post(3, '/queue/push', { queue, payload: 1 });
    expect((await stays).body).toEqual({ ok: true, item: 1 });
  });
});
