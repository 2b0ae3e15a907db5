import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readSettings, SETTINGS } from '#lib/config';
import { HttpModule } from '#lib/http';
import { LockModule, LockService } from '#lib/lock';
import { Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { LockStore } from '../../libs/lock/lock.store.js';
import { eventually, startRedis, type TestRedis } from '../cluster/index.js';
import { Application } from './application.js';

/** A user of the locks, as in the README. */
@Module({ imports: [HttpModule, LockModule] })
class Billing {
  #calls = 0;

  constructor(private readonly locks: LockService) {}

  /** @returns the token under which the invoice was written */
  async bill(id: string): Promise<number> {
    const hold = { name: `invoice ${id}`, owner: `worker-${(this.#calls += 1)}` };
    const answer = await this.locks.acquire({ ...hold, mode: 'exclusive', waitMs: 5000 });
    if (!answer.ok) throw new Error(answer.reason);
    await this.locks.release(hold);
    return answer.token;
  }
}

describe('locks in a process of their user', () => {
  let redis: TestRedis;
  let one: Application;
  let two: Application;
  beforeAll(async () => {
    redis = await startRedis();
    [one, two] = await Promise.all([Application.start(redis.url, 'one'), Application.start(redis.url, 'two')]);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await redis.stop();
  });
  const exclusive = (name: string, owner: string) => ({ name, owner, mode: 'exclusive' as const });

  it('are granted, waited for and handed on', async () => {
    const first = await one.locks.acquire(exclusive('p1', 'a'));
    const waiting = two.locks.acquire({ ...exclusive('p1', 'b'), waitMs: 5000 });
    await eventually(() => two.locks.waiting === 1, { what: 'the waiter' });
    await one.locks.release({ name: 'p1', owner: 'a' });
    const second = await waiting;
    expect(first.ok && second.ok && second.token > first.token).toBe(true);
    expect(two.locks.waiting).toBe(0);
    expect(one.heard.released).toMatchObject([{ mode: 'exclusive' }]);
    expect(two.heard.acquired.at(-1)).toMatchObject({ mode: 'exclusive', outcome: 'granted' });
    expect(two.heard.acquired.at(-1)?.waitedMs).toBeGreaterThan(0);
  });

  it('are there in any Nest application that imports their module', async () => {
    const settings = readSettings({ NODE_ID: 'billing', REDIS_URL: redis.url, EMPTY_REDIS_IS_NEW: 'true' });
    @Module({ providers: [{ provide: SETTINGS, useValue: settings }], exports: [SETTINGS] })
    class TestSettings {}
    const app = await NestFactory.createApplicationContext(
      { module: Billing, imports: [{ module: TestSettings, global: true }] },
      { logger: false },
    );
    await app.get(Membership).ready;
    const billing = app.get(Billing);
    const tokens = await Promise.all([billing.bill('17'), billing.bill('17')]);
    expect(new Set(tokens).size).toBe(2);
    expect(await one.locks.inspect('invoice 17')).toMatchObject({ mode: null, waitersCount: 0 });
    await app.close();
  });

  it('are no longer waited for when the signal says so, and its reason is thrown', async () => {
    await one.locks.acquire(exclusive('p2', 'a'));
    const enough = new AbortController();
    const waiting = two.locks.acquire({ ...exclusive('p2', 'b'), waitMs: 20_000 }, { signal: enough.signal });
    await eventually(async () => (await one.locks.inspect('p2')).waitersCount === 1, { what: 'the waiter' });
    enough.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await eventually(async () => (await one.locks.inspect('p2')).waitersCount === 0, {
      what: 'the place to be given up',
    });
  });

  it('stay when the signal comes after the grant', async () => {
    const late = new AbortController();
    await one.locks.acquire({ ...exclusive('p3', 'a'), waitMs: 1000 }, { signal: late.signal });
    late.abort();
    await two.locks.acquire(exclusive('p3', 'b'));
    expect((await two.locks.inspect('p3')).holders).toMatchObject([{ owner: 'a' }]);
  });

  it('are taken back from a client that hung up before it was told', async () => {
    const client = new AbortController();
    await one.locks.acquire(exclusive('p6', 'a'));
    const waiting = two.locks.acquire({ ...exclusive('p6', 'b'), waitMs: 5000 }, { client: client.signal });
    await eventually(async () => (await one.locks.inspect('p6')).waitersCount === 1, { what: 'the waiter' });
    await one.locks.release({ name: 'p6', owner: 'a' });
    await waiting;
    client.abort();
    await eventually(async () => (await one.locks.inspect('p6')).mode === null, { what: 'the lock to be free' });
  });

  it('are not taken back from a client that has asked again meanwhile, or held before', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const granted = await one.locks.acquire(exclusive('p7', 'a'), { client: first.signal });
    const again = await two.locks.acquire(exclusive('p7', 'a'), { client: second.signal });
    first.abort();
    second.abort();
    // What the two might have sent to Redis has been done when later calls of both are answered.
    for (const { locks } of [one, two]) await locks.renew({ owner: 'nobody', names: ['p7'] });
    expect((await one.locks.inspect('p7')).holders).toMatchObject([{ owner: 'a' }]);
    expect(again).toEqual(granted);
  });

  it('taken together are given back together', async () => {
    const client = new AbortController();
    const locks = ['p8a', 'p8b'].map((name) => ({ name, mode: 'exclusive' as const }));
    expect(await one.locks.acquireMany({ locks, owner: 'a' }, { client: client.signal })).toMatchObject({ ok: true });
    client.abort();
    for (const { name } of locks) {
      await eventually(async () => (await two.locks.inspect(name)).mode === null, { what: `${name} to be free` });
    }
  });

  it('tell of expiries and forced releases', async () => {
    await one.locks.acquire({ ...exclusive('p4', 'a'), leaseMs: 100 });
    await one.locks.acquire({ ...exclusive('p4', 'b'), waitMs: 3000 });
    expect(one.heard.expired.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await two.locks.forceRelease('p4')).toBe(1);
    expect(two.heard.forced).toEqual([1]);
  });

  it('go to more shared waiters than one step grants, all at once', async () => {
    const readers = 300;
    await one.locks.acquire(exclusive('p9', 'w'));
    const waiting = Array.from({ length: readers }, (_, i) =>
      two.locks.acquire({ name: 'p9', owner: `reader${i}`, mode: 'shared', waitMs: 20_000 }),
    );
    await eventually(async () => (await one.locks.inspect('p9')).waitersCount === readers, { what: 'all to wait' });
    const since = performance.now();
    await one.locks.release({ name: 'p9', owner: 'w' });
    const answers = await Promise.all(waiting);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(readers);
    expect(new Set(answers.map((answer) => answer.ok && answer.token)).size).toBe(readers);
    // No offer had to lapse: that would have taken two seconds.
    expect(performance.now() - since).toBeLessThan(2000);
    expect(await one.locks.forceRelease('p9')).toBe(readers);
  });

  it('are forced free in parts, and handed on only when the last is gone', async () => {
    const holders = 1300;
    const shared = (owner: string) => ({ name: 'p5', owner, mode: 'shared' as const });
    await Promise.all(Array.from({ length: holders }, (_, i) => one.locks.acquire(shared(`holder${i}`))));
    const writer = two.locks.acquire({ ...exclusive('p5', 'w'), waitMs: 10_000 });
    await eventually(async () => (await one.locks.inspect('p5')).waitersCount === 1, { what: 'the writer' });
    expect(await one.locks.forceRelease('p5')).toBe(holders);
    expect(await writer).toMatchObject({ ok: true });
    expect(await one.locks.inspect('p5')).toMatchObject({ holdersCount: 1, waitersCount: 0 });
  });

  it('taken together of which one is gone are said to be held perhaps, where the others cannot be given back', async () => {
    const names = ['p5a', 'p5b'];
    const confirm = Reflect.get<LockStore, 'confirm'>(LockStore.prototype, 'confirm');
    const undelivered = Reflect.get<LockStore, 'undelivered'>(LockStore.prototype, 'undelivered');
    vi.spyOn(LockStore.prototype, 'confirm').mockImplementation(async function (this: LockStore, name, ...rest) {
      if (name === names[1]) await two.locks.forceRelease(name);
      return await confirm.call(this, name, ...rest);
    });
    // It is carried out, or not: nobody hears of it.
    vi.spyOn(LockStore.prototype, 'undelivered').mockImplementation(async function (this: LockStore, name, ...rest) {
      if (name !== names[0]) return await undelivered.call(this, name, ...rest);
      throw new RedisUnavailable('Redis did not answer in time', true);
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const taking = one.locks.acquireMany({
      owner: 'a',
      locks: names.map((name) => ({ name, mode: 'exclusive' as const })),
    });
    await expect(taking).rejects.toMatchObject({ name: 'RedisUnavailable', mayHaveTakenEffect: true });
    expect((await two.locks.inspect('p5a')).holders).toMatchObject([{ owner: 'a' }]);
  });

  it('taken together and refused stay, where they cannot be given back, for their owner alone', async () => {
    const shared = (owner: string) => ({ name: 'p9a', owner, mode: 'shared' as const });
    await two.locks.acquire(exclusive('p9b', 'b'));
    vi.spyOn(LockStore.prototype, 'undelivered').mockRejectedValueOnce(
      new RedisUnavailable('Redis cannot be reached', false),
    );
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const locks = [shared('a'), exclusive('p9b', 'a')];
    expect(await one.locks.acquireMany({ owner: 'a', locks })).toEqual({ ok: false, reason: 'locked', name: 'p9b' });
    const later = await two.locks.acquire(shared('c'));
    expect(await one.locks.acquire(exclusive('p9a', 'd'))).toEqual({ ok: false, reason: 'locked' });
    const own = await two.locks.acquire(shared('a'));
    if (!own.ok || !later.ok) throw new Error('both are granted');
    // It was taken before the other.
    expect(own.token).toBeLessThan(later.token);
  });

  it('waited for are said to be held perhaps, where an offer can be neither taken nor given back', async () => {
    const unreachable = new RedisUnavailable('Redis cannot be reached', false);
    vi.spyOn(LockStore.prototype, 'confirm').mockRejectedValue(unreachable);
    vi.spyOn(LockStore.prototype, 'leave').mockRejectedValue(unreachable);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const shared = (owner: string) => ({ name: 'p11', owner, mode: 'shared' as const });
    await one.locks.acquire(exclusive('p11', 'a'));
    const waiting = two.locks.acquire({ ...shared('b'), waitMs: 500 });
    const refused = expect(waiting).rejects.toMatchObject({ name: 'RedisUnavailable', mayHaveTakenEffect: true });
    await eventually(async () => (await one.locks.inspect('p11')).waitersCount === 1, { what: 'the waiter' });
    await one.locks.release(exclusive('p11', 'a'));
    const later = await one.locks.acquire(shared('c'));
    await refused;
    const own = await one.locks.acquire(shared('b'));
    if (!own.ok || !later.ok) throw new Error('both are granted');
    // What it was offered is still there.
    expect(own.token).toBeLessThan(later.token);
  });

  it('are granted anew to who goes on waiting, where the answer to the first grant was lost until its lease was over', async () => {
    await one.locks.acquire(exclusive('p10', 'a'));
    const confirm = Reflect.get<LockStore, 'confirm'>(LockStore.prototype, 'confirm');
    const unheard: number[] = [];
    vi.spyOn(LockStore.prototype, 'confirm').mockImplementationOnce(async function (this: LockStore, ...args) {
      unheard.push((await confirm.apply(this, args))?.token ?? NaN);
      await eventually(async () => (await one.locks.inspect('p10')).holdersCount === 0, {
        what: 'the end of the lease',
      });
      throw new RedisUnavailable('Redis did not answer in time', true);
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const waiting = two.locks.acquire({ ...exclusive('p10', 'b'), leaseMs: 100, waitMs: 5000 });
    await eventually(async () => (await one.locks.inspect('p10')).waitersCount === 1, { what: 'the waiter' });
    await one.locks.release(exclusive('p10', 'a'));
    const granted = await waiting;
    if (!granted.ok) throw new Error('it is granted');
    expect(unheard).toHaveLength(1);
    expect(granted.token).toBeGreaterThan(unheard[0] ?? NaN);
  });

  it('are each their own where many are called for in one turn', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `turn ${i % 20}`);
    const owner = (i: number) => (i < 20 ? 'a' : 'b');
    const acquired = await Promise.all(names.map((name, i) => one.locks.acquire(exclusive(name, owner(i)))));
    expect(acquired.map((answer) => (answer.ok ? 'granted' : answer.reason))).toEqual(
      names.map((_, i) => (i < 20 ? 'granted' : 'locked')),
    );
    const tokens = acquired.slice(0, 20).map((answer) => (answer.ok ? answer.token : 0));
    const released = await Promise.all(
      names.map((name, i) => one.locks.release({ name, owner: owner(i), token: tokens[i % 20] ?? 0 })),
    );
    expect(released.map((answer) => (answer.ok ? 'released' : answer.reason))).toEqual(
      names.map((_, i) => (i < 20 ? 'released' : 'not_held')),
    );
  });
});
