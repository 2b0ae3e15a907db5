import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, acquireMany, look, release, renew, watch } from './lock.client.js';

describe('locks over HTTP', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    return () => cluster.stop();
  });
  const node = (number: number) => cluster.node(number);
  const waits = async (name: string, count: number) => {
    await eventually(async () => (await look(node(1), name)).waitersCount === count, {
      what: `${count} waiters of ${name}`,
    });
  };

  it('refuses, releases and tells apart who may not', async () => {
    const first = await acquire(node(1), 'r1', 'a');
    expect(first).toEqual({ ok: true, token: first.token, leaseMs: 30_000 });
    expect(await acquire(node(2), 'r1', 'b')).toEqual({ ok: false, reason: 'locked' });
    expect(await release(node(2), 'r1', 'b')).toEqual({ ok: false, reason: 'not_owner' });
    expect(await acquire(node(2), 'r1', 'a')).toEqual(first);
    expect(await release(node(1), 'r1', 'a', { mode: 'shared' })).toEqual({ ok: false, reason: 'not_held' });
    expect(await release(node(1), 'r1', 'a', { token: 1 })).toEqual({ ok: false, reason: 'stale_token' });
    expect(await release(node(1), 'r1', 'a', { token: first.token ?? 0 })).toEqual({ ok: true });
    expect(await release(node(1), 'r1', 'a')).toEqual({ ok: false, reason: 'not_held' });
    const second = await acquire(node(2), 'r1', 'b');
    expect(second.token).toBeGreaterThan(first.token ?? Infinity);
    expect(await look(node(3), 'r1')).toMatchObject({
      mode: 'exclusive',
      token: second.token,
      holders: [{ owner: 'b', mode: 'exclusive', token: second.token }],
      waiters: [],
    });
    expect(await release(node(1), 'r1', 'b')).toEqual({ ok: true });
    expect(await look(node(3), 'r1')).toMatchObject({ mode: null, token: null, holders: [], waiters: [] });
  });

  it('shares, counts by limits, and does not let shared requests pass a waiter', async () => {
    expect(await acquire(node(1), 'r2', 'a', { mode: 'shared', limit: 2 })).toMatchObject({ ok: true });
    expect(await acquire(node(2), 'r2', 'b', { mode: 'shared', limit: 2 })).toMatchObject({ ok: true });
    expect(await acquire(node(3), 'r2', 'c', { mode: 'shared', limit: 2 })).toEqual({ ok: false, reason: 'locked' });
    expect(await acquire(node(3), 'r2', 'c', { mode: 'shared', limit: 3 })).toMatchObject({ ok: true });
    const writer = acquire(node(3), 'r2', 'w', { waitMs: 10_000 });
    await waits('r2', 1);
    expect(await acquire(node(1), 'r2', 'd', { mode: 'shared' })).toEqual({ ok: false, reason: 'locked' });
    const readers = ['e', 'f'].map((owner) => acquire(node(1), 'r2', owner, { mode: 'shared', waitMs: 10_000 }));
    await waits('r2', 3);
    for (const owner of ['a', 'b', 'c']) await release(node(1), 'r2', owner);
    expect(await writer).toMatchObject({ ok: true });
    await release(node(2), 'r2', 'w');
    expect(await Promise.all(readers)).toMatchObject([{ ok: true }, { ok: true }]);
    expect((await look(node(1), 'r2')).holdersCount).toBe(2);
  });

  it('upgrades and downgrades', async () => {
    const shared = await acquire(node(1), 'r3', 'a', { mode: 'shared' });
    const alone = await acquire(node(2), 'r3', 'a');
    expect(alone.token).toBeGreaterThan(shared.token ?? Infinity);
    const down = await acquire(node(1), 'r3', 'a', { mode: 'shared' });
    expect(down.token).toBe(alone.token);
    await acquire(node(1), 'r3', 'b', { mode: 'shared' });
    expect(await acquire(node(1), 'r3', 'a')).toEqual({ ok: false, reason: 'locked' });
    const plain = acquire(node(2), 'r3', 'c', { waitMs: 10_000 });
    await waits('r3', 1);
    const upgrade = acquire(node(3), 'r3', 'a', { waitMs: 10_000 });
    await waits('r3', 2);
    expect(await acquire(node(2), 'r3', 'b', { waitMs: 10_000 })).toEqual({
      ok: false,
      reason: 'deadlock',
      cycle: [
        { owner: 'b', waitsFor: 'r3' },
        { owner: 'a', waitsFor: 'r3' },
      ],
    });
    await release(node(1), 'r3', 'b');
    const upgraded = await upgrade;
    expect(upgraded).toMatchObject({ ok: true });
    expect(upgraded.token).toBeGreaterThan(down.token ?? Infinity);
    await release(node(1), 'r3', 'a');
    expect(await plain).toMatchObject({ ok: true });
  });

  it('joins a second call of a waiting owner to his place, on any node', async () => {
    await acquire(node(1), 'r4', 'a');
    const first = acquire(node(1), 'r4', 'b', { waitMs: 10_000, leaseMs: 5000 });
    await waits('r4', 1);
    const second = acquire(node(2), 'r4', 'b', { waitMs: 10_000, leaseMs: 9000 });
    const third = acquire(node(1), 'r4', 'b', { waitMs: 300 });
    expect(await acquire(node(3), 'r4', 'b', { mode: 'shared', waitMs: 100 })).toEqual({ ok: false, reason: 'locked' });
    expect(await third).toEqual({ ok: false, reason: 'timeout' });
    expect((await look(node(1), 'r4')).waitersCount).toBe(1);
    await release(node(1), 'r4', 'a');
    const [one, two] = await Promise.all([first, second]);
    expect(one).toMatchObject({ ok: true, leaseMs: 5000, token: two.token });
    expect(two).toMatchObject({ ok: true, leaseMs: 9000 });
    const [holder] = (await look(node(1), 'r4')).holders;
    expect(holder?.expiresInMs).toBeGreaterThan(8000);
  });

  it('renews many at once, and says which are lost', async () => {
    await acquire(node(1), 'r5a', 'a', { leaseMs: 60_000 });
    await acquire(node(1), 'r5b', 'a', { leaseMs: 60_000 });
    await acquire(node(1), 'r5c', 'b');
    const answer = await renew(node(2), 'a', ['r5a', 'r5c', 'r5b', 'r5d'], { leaseMs: 2000 });
    expect(answer).toMatchObject({ ok: false, reason: 'not_held' });
    expect([...(answer.renewed ?? [])].sort()).toEqual(['r5a', 'r5b']);
    expect([...(answer.lost ?? [])].sort()).toEqual(['r5c', 'r5d']);
    expect((await look(node(1), 'r5a')).holders[0]?.expiresInMs).toBeLessThanOrEqual(2000);
    expect(await renew(node(2), 'a', ['r5b'])).toEqual({ ok: true, renewed: ['r5b'], lost: [] });
    const single = await node(1).post('/lock/renew', { owner: 'a', name: 'r5a' });
    expect(single.body).toEqual({ ok: true, renewed: ['r5a'], lost: [] });
  });

  it('takes several, all or none', async () => {
    const locks = ['r6c', 'r6a', 'r6b'].map((name) => ({ name, mode: 'exclusive' }));
    const held = await acquire(node(1), 'r6a', 'a');
    await acquire(node(1), 'r6b', 'x');
    expect(await acquireMany(node(2), 'a', locks)).toEqual({ ok: false, reason: 'locked', name: 'r6b' });
    expect((await look(node(1), 'r6c')).mode).toBeNull();
    expect(await acquireMany(node(2), 'a', locks, { waitMs: 200 })).toEqual({
      ok: false,
      reason: 'timeout',
      name: 'r6b',
    });
    const waiting = acquireMany(node(2), 'a', locks, { waitMs: 10_000, leaseMs: 8000 });
    await waits('r6b', 1);
    await release(node(1), 'r6b', 'x');
    const all = await waiting;
    expect(all).toMatchObject({ ok: true, leaseMs: 8000, tokens: { r6a: held.token } });
    for (const { name } of locks) {
      const state = await look(node(3), name);
      expect(state.holders).toMatchObject([{ owner: 'a', token: all.tokens?.[name] }]);
      expect(state.holders[0]?.expiresInMs).toBeGreaterThan(5000);
    }
    const twice = await node(1).post('/lock/acquire-many', { owner: 'a', locks: [...locks, ...locks] });
    expect(twice.status).toBe(400);
  });

  it('lists what is held or waited for, page by page, and what one owner has', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `r8-${String(i).padStart(2, '0')}`);
    await Promise.all(names.map((name, i) => acquire(node((i % 3) + 1), name, i % 2 ? 'odd' : 'even')));
    const listed: string[] = [];
    let cursor = '';
    do {
      const path = `/locks?prefix=r8-&limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { locks, cursor: next } = (await node(2).get(path)).body as unknown as {
        locks: { name: string; mode: string; holdersCount: number }[];
        cursor: string | null;
      };
      expect(locks.length).toBeLessThanOrEqual(4);
      listed.push(...locks.map(({ name }) => name));
      cursor = next ?? '';
    } while (cursor !== '');
    expect(listed).toEqual(names);
    const odd = (await node(1).get('/locks?owner=odd&limit=1000')).body['locks'] as unknown as { name: string }[];
    expect(odd.map(({ name }) => name)).toEqual(names.filter((_, i) => i % 2 === 1));
    expect((await node(1).get('/locks?cursor=nonsense')).status).toBe(400);
  });

  it('forces a lock free; those who wait are served', async () => {
    await acquire(node(1), 'r9', 'a', { mode: 'shared' });
    await acquire(node(1), 'r9', 'b', { mode: 'shared' });
    const waiting = acquire(node(2), 'r9', 'c', { waitMs: 10_000 });
    await waits('r9', 1);
    expect((await node(3).request('DELETE', '/lock?name=r9')).body).toEqual({ ok: true, released: 2 });
    expect(await waiting).toMatchObject({ ok: true });
    expect((await node(3).request('DELETE', '/lock?name=r9-free')).body).toEqual({ ok: true, released: 0 });
  });

  it('takes names and owners as they are', async () => {
    const awkward = [
      '{a}',
      'a:b',
      '*',
      '__proto__',
      '/..',
      ' ',
      '"',
      '\\',
      '🦊',
      'é',
      'e\u0301',
      '{',
      '}',
      '%00',
      'x'.repeat(512),
    ];
    await Promise.all(
      awkward.map(async (name, i) => {
        const owner = awkward[(i + 1) % awkward.length] ?? '';
        expect(await acquire(node(1), name, owner)).toMatchObject({ ok: true });
        expect((await look(node(2), name)).holders).toMatchObject([{ owner }]);
      }),
    );
    const all = await acquireMany(node(2), 'one', [{ name: '__proto__2', mode: 'shared' }]);
    expect(all).toMatchObject({ ok: true });
    const listed = (await node(3).get(`/locks?owner=${encodeURIComponent('__proto__')}`)).body['locks'];
    expect(listed).toMatchObject([{ name: '*' }]);
    for (const name of awkward) await node(1).request('DELETE', `/lock?name=${encodeURIComponent(name)}`);
    const many = await acquireMany(node(2), 'proto', [{ name: '__proto__', mode: 'shared' }]);
    expect(Object.keys(many.tokens ?? {})).toEqual(['__proto__']);
  });

  it('refuses requests that are wrong', async () => {
    const good = { name: 'r', owner: 'a', mode: 'exclusive' };
    const wrong = [
      { ...good, mode: 'both' },
      { ...good, limit: 3 },
      { ...good, leaseMs: 99 },
      { ...good, leaseMs: 86_400_001 },
      { ...good, waitMs: 60_001 },
      { ...good, waitMs: null },
      { ...good, name: '' },
      { ...good, owner: 'a\u0000' },
      { ...good, wait: 1 },
      { name: 'r', owner: 'a' },
    ];
    for (const body of wrong)
      expect((await node(1).post('/lock/acquire', body)).status, JSON.stringify(body)).toBe(400);
    expect((await node(1).post('/lock/renew', { owner: 'a' })).status).toBe(400);
    expect((await node(1).post('/lock/renew', { owner: 'a', name: 'b', names: ['c'] })).status).toBe(400);
    const many = (count: number) => Array.from({ length: count }, (_, i) => `r11-${i}`);
    const wanted = (count: number) => many(count).map((name) => ({ name, mode: 'exclusive' }));
    const NAME = '1 to 512 characters without control characters or lone surrogates';
    for (const [path, field, of, bodies] of [
      ['/lock/acquire-many', 'locks', '1 to 64 objects', [wanted(0), wanted(65)]],
      ['/lock/renew', 'names', `1 to 1000 names of ${NAME}`, [many(0), many(1001)]],
    ] as const) {
      for (const value of bodies) {
        const refused = await node(1).post(path, { owner: 'a', [field]: value });
        expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
        expect([refused.status, refused.body], `${value.length} ${field}`).toEqual([
          400,
          {
            type: 'about:blank',
            title: 'Bad Request',
            status: 400,
            detail: `The request is not valid: ${field} must be a list of ${of}`,
            errors: [{ field, message: `must be a list of ${of}` }],
          },
        ]);
      }
    }
    // None of them is held because of it; as many as are allowed are taken, and renewed.
    expect((await node(1).get('/locks?owner=a&prefix=r11-')).body).toMatchObject({ locks: [] });
    expect(await acquireMany(node(1), 'a', wanted(64))).toMatchObject({ ok: true });
    const { renewed, lost } = await renew(node(2), 'a', many(1000));
    expect([renewed?.length, lost?.length]).toEqual([64, 936]);
    expect((await node(1).request('PUT', '/lock')).headers.get('allow')).toBe('DELETE, GET, HEAD');
  });

  it('tells those who watch every change, in order, and the state first', async () => {
    await acquire(node(1), 'r10', 'a', { leaseMs: 700 });
    const events = await watch(node(2), 'r10');
    await eventually(() => events.length === 1, { what: 'the state' });
    expect(events[0]).toMatchObject({ kind: 'state', data: { ok: true, lock: { holders: [{ owner: 'a' }] } } });
    // Nobody waits: the watching node itself sees to it that the end of the lease is told.
    await eventually(() => events.some(({ kind }) => kind === 'expired'), { what: 'the expiry' });
    const { token } = await acquire(node(3), 'r10', 'b');
    const waiting = acquire(node(1), 'r10', 'c', { waitMs: 10_000 });
    await waits('r10', 1);
    await release(node(1), 'r10', 'b');
    await waiting;
    await eventually(() => events.length === 6, { what: 'all events' });
    expect(events.slice(1).map(({ kind, data }) => [kind, data.owner])).toEqual([
      ['expired', 'a'],
      ['acquired', 'b'],
      ['waiting', 'c'],
      ['released', 'b'],
      ['acquired', 'c'],
    ]);
    expect(events[2]?.data).toMatchObject({ name: 'r10', mode: 'exclusive', token });
    expect(events[3]?.data.token).toBeNull();
    const first = events[0]?.data.seq ?? 0;
    expect(events.map(({ data }) => data.seq - first)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  // These wait for time to pass more than they work.
  it.concurrent('keeps what it took of several for longer than an offer stands, and undoes an upgrade', async () => {
    const before = await acquire(node(1), 'r7a', 'a', { mode: 'shared', leaseMs: 60_000 });
    await acquire(node(1), 'r7b', 'x');
    const locks = ['r7a', 'r7b'].map((name) => ({ name, mode: 'exclusive' }));
    const waiting = acquireMany(node(2), 'a', locks, { waitMs: 6000 });
    await waits('r7b', 1);
    const OFFER_MS = 2000;
    await eventually(async () => ((await look(node(1), 'r7b')).waiters[0]?.waitingMs ?? 0) > 1.3 * OFFER_MS, {
      what: 'it to wait for longer than an offer stands',
    });
    expect(await acquire(node(3), 'r7a', 'y', { mode: 'shared' })).toEqual({ ok: false, reason: 'locked' });
    expect(await waiting).toEqual({ ok: false, reason: 'timeout', name: 'r7b' });
    expect((await look(node(1), 'r7a')).holders).toMatchObject([{ owner: 'a', mode: 'shared', token: before.token }]);
    expect((await look(node(1), 'r7a')).holders[0]?.expiresInMs).toBeGreaterThan(40_000);
  });

  it.concurrent('bounds the waiters of a lock', async () => {
    await using small = await startCluster({ nodes: 1, env: { LOCK_MAX_WAITERS: '2' } });
    await acquire(small.node(1), 'r', 'a', { leaseMs: 1000 });
    const waiting = ['b', 'c'].map((owner) => acquire(small.node(1), 'r', owner, { waitMs: 3000, leaseMs: 100 }));
    await eventually(async () => (await look(small.node(1), 'r')).waitersCount === 2, { what: 'two waiters' });
    expect(await acquire(small.node(1), 'r', 'd', { waitMs: 100 })).toEqual({ ok: false, reason: 'too_many_waiters' });
    expect(await Promise.all(waiting)).toMatchObject([{ ok: true }, { ok: true }]);
  });
});
