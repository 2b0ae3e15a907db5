import { readFileSync } from 'node:fs';
import { Queue, RedisConnection as BullmqConnection, RedisQueueBackend, QueueKeys as BullmqKeys } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../test/cluster/index.js';
import { BullmqOperations } from './bullmq.fixture.js';
import { bullmqScripts } from './bullmq.lua.js';
import { QueueKeys } from './queue.keys.js';

/**
 * What this lib takes for granted of BullMQ, which is pinned: each of these, if a new version breaks it, fails here.
 */
describe('BullMQ', () => {
  let server: TestRedis;
  let redis: Redis;
  let base: string;
  let bullmq: BullmqOperations;
  let run = 0;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(() => {
    run += 1;
    base = `facts:queue:{${run}}:q:`;
    bullmq = new BullmqOperations(redis, base);
  });

  const field = async (id: string, name: string) => await redis.hget(base + id, name);

  it('is pinned exactly, and is the version that was looked at', () => {
    const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(own.dependencies['bullmq']).toBe('6.7.0');
    expect(own.dependencies['@nestjs/bullmq']).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it.each([
    ['addPrioritizedJob', 9],
    ['addDelayedJob', 6],
    ['moveToFinished', 14],
    ['promote', 9],
    ['retryJob', 11],
    ['moveToDelayed', 11],
    ['extendLock', 2],
    ['reprocessJob', 9],
    ['pause', 7],
  ])('has the operation %s with %d keys', (name, keys) => {
    expect(bullmqScripts[name]).toMatchObject({ name, keys });
  });

  it.each(['orders', 'a:b', '{x}', '*', '100%', '3A%3A', 'ü/ñ 漢字 🎈'])('has the keys that we build: %s', (name) => {
    const keys = new QueueKeys('sync').of(name);
    const its = new BullmqKeys(keys.bullmqPrefix);
    expect(its.toKey(keys.bullmqName, '')).toBe(keys.bullmq);
    expect(its.toKey(keys.bullmqName, 'prioritized')).toBe(`${keys.bullmq}prioritized`);
  });

  it('refuses a colon in a name', () => {
    expect(() => new Queue('a:b', { connection: { lazyConnect: true } })).toThrow('cannot contain :');
  });

  it('needs no connection and writes nothing for a queue on a shared backend', async () => {
    const shared = new BullmqConnection(redis, { shared: true, blocking: false });
    const keys = new BullmqKeys('facts');
    const root = new RedisQueueBackend(shared, 'root', keys.getKeys('root'), (type) => keys.toKey('root', type), {
      connection: redis,
    });
    await shared.client;
    const connections = async () => String(await redis.client('LIST')).split('\n').length;
    const clients = await connections();
    const size = await redis.dbsize();
    const options = { connection: redis, skipMetasUpdate: true };
    const queues = Array.from(
      { length: 50 },
      (_, index) =>
        new Queue(`shared-${index}`, { ...options, prefix: 'facts' }, (name) => root.forQueue(name, 'facts')),
    );
    await Promise.all(queues.map((queue) => queue.waitUntilReady()));
    expect(await queues[7]?.getJobCounts('prioritized', 'active')).toEqual({ prioritized: 0, active: 0 });
    expect(await connections()).toBe(clients);
    expect(await redis.dbsize()).toBe(size);
  });

  it('serves the wait list before all priorities, the lowest number first, and each in order', async () => {
    const [low, high, second] = [
      await bullmq.add('1', '{priority = 101}'),
      await bullmq.add('2', '{priority = 1}'),
      await bullmq.add('3', '{priority = 1}'),
    ];
    await redis.rpush(`${base}wait`, await bullmq.add('4', '{priority = 101}'));
    await redis.zrem(`${base}prioritized`, '4');
    const order = [];
    for (let i = 0; i < 4; i += 1) order.push((await bullmq.take('t'))[1]);
    expect(order).toEqual(['4', high, second, low]);
    expect((await bullmq.take('t'))[0]).toBe(0);
  });

  it('keeps options that it does not know, the payload as it is, and counts ids on', async () => {
    const id = await bullmq.add('{"__proto__":1}', '{priority = 101, attempts = 5, expiresAt = 1795419000000}');
    expect(JSON.parse((await field(id, 'opts')) ?? '')).toEqual({
      priority: 101,
      attempts: 5,
      expiresAt: 1795419000000,
    });
    expect(await redis.hmget(base + id, 'data', 'timestamp', 'priority')).toEqual(['{"__proto__":1}', '1000', '101']);
    expect(await redis.get(`${base}id`)).toBe(id);
    await redis.set(`${base}id`, '17954190000000');
    expect(await bullmq.add('1', '{priority = 1}')).toBe('17954190000001');
  });

  it('answers a duplicate with the first id, also after it was completed, and counts ids on', async () => {
    const options = `{priority = 1, de = {id = 'x', ttl = 60000}}`;
    const id = await bullmq.add('1', options);
    expect(await bullmq.add('2', options)).toBe(id);
    expect(await redis.get(`${base}id`)).not.toBe(id);
    await bullmq.take('0');
    expect(await bullmq.finish(id, '0')).toBe(0);
    expect(await redis.exists(base + id)).toBe(0);
    expect(await bullmq.add('3', options)).toBe(id);
  });

  it('locks by token, and changes nothing for a wrong or missing one', async () => {
    const id = await bullmq.add('1', '{priority = 1}');
    await bullmq.take('right');
    expect(await redis.get(`${base}${id}:lock`)).toBe('right');
    expect(await bullmq.finish(id, 'wrong')).toBe(-6);
    expect(
      await bullmq.call('extendLock', [`:${id}:lock`, 'stalled'], '{ARGV[2], ARGV[3], ARGV[4]}', 'wrong', 5000, id),
    ).toBe(0);
    expect(
      await bullmq.call('extendLock', [`:${id}:lock`, 'stalled'], '{ARGV[2], ARGV[3], ARGV[4]}', 'right', 5000, id),
    ).toBe(1);
    await redis.del(`${base}${id}:lock`);
    expect(await bullmq.finish(id, 'right')).toBe(-2);
    expect(await redis.lrange(`${base}active`, 0, -1)).toEqual([id]);
    expect(await field(id, 'ats')).toBe('1');
    expect(await bullmq.finish('4711', 'right')).toBe(-1);
  });

  it('takes and finishes without a lock for the token 0', async () => {
    const id = await bullmq.add('1', '{priority = 1}');
    await bullmq.take('0');
    expect(await redis.exists(`${base}${id}:lock`)).toBe(0);
    expect(await bullmq.finish(id, '0')).toBe(0);
    expect(await redis.keys(`${base}${id}*`)).toEqual([]);
    expect(await redis.llen(`${base}active`)).toBe(0);
  });

  it('returns to the end of the priority by retryJob, which promotes nothing of a set that is not the delayed one', async () => {
    const ids = [
      await bullmq.add('1', '{priority = 7}'),
      await bullmq.add('2', '{priority = 7}'),
      await bullmq.add('3', '{priority = 7}'),
    ];
    const [first = ''] = ids;
    await bullmq.take('t');
    const retry = [
      'active',
      'wait',
      'paused',
      `:${first}`,
      'meta',
      'events',
      'nothing',
      'prioritized',
      'pc',
      'marker',
      'stalled',
    ];
    await redis.zadd(`${base}delayed`, 4096, 'due');
    expect(
      await bullmq.call('retryJob', retry, `{ARGV[1], ARGV[2], 'LPUSH', ARGV[3], 't', ''}`, Date.now(), first),
    ).toBe(0);
    expect(await redis.zrange(`${base}prioritized`, '0', '-1')).toEqual([...ids.slice(1), first]);
    expect(await redis.llen(`${base}active`)).toBe(0);
    expect(await redis.zcard(`${base}delayed`)).toBe(1);
  });

  it('orders delayed jobs by milliseconds times 4096, exactly for as long as a year from now', async () => {
    const lua = `{cmsgpack.pack({ARGV[1], '', 'message', tonumber(ARGV[2])}), '1', cmsgpack.pack({delay = 31536000000, priority = 1})}`;
    const keys = ['marker', 'meta', 'id', 'delayed', 'completed', 'events'];
    const now = Date.now();
    const ids = [
      await bullmq.call('addDelayedJob', keys, lua, now),
      await bullmq.call('addDelayedJob', keys, lua, now),
    ];
    expect(await redis.zrange(`${base}delayed`, '0', '-1')).toEqual(ids);
    const due = now + 31_536_000_000;
    expect(Number(await redis.zscore(`${base}delayed`, String(ids[0])))).toBe(due * 4096);
    expect(Number.isSafeInteger(due * 4096 + 4095)).toBe(true);
    const promote = ['delayed', 'wait', 'paused', 'meta', 'prioritized', 'active', 'pc', 'events', 'marker'];
    expect(await bullmq.call('promote', promote, '{ARGV[1], ARGV[2]}', String(ids[0]))).toBe(0);
    expect(await redis.zrange(`${base}prioritized`, '0', '-1')).toEqual([ids[0]]);
  });

  it('puts a taken job back behind a delay, by token', async () => {
    const id = await bullmq.add('1', '{priority = 1}');
    await bullmq.take('t');
    const keys = [
      'marker',
      'active',
      'prioritized',
      'delayed',
      `:${id}`,
      'events',
      'meta',
      'stalled',
      'wait',
      'limiter',
      'pc',
    ];
    const move = async (token: string) =>
      await bullmq.call(
        'moveToDelayed',
        keys,
        `{ARGV[1], ARGV[2], ARGV[3], ARGV[4], '500', '0', '', '0', ''}`,
        1_000_000,
        id,
        token,
      );
    expect(await move('wrong')).toBe(-6);
    expect(await move('t')).toBe(0);
    expect(await redis.zscore(`${base}delayed`, id)).toBe(String(1_000_500 * 4096));
  });

  it('buries with a reason, drops the oldest beyond a bound, and revives with priority and counts at zero', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1) {
      const id = await bullmq.add(String(i), '{priority = 9}');
      ids.push(id);
      await bullmq.take('t');
      expect(await bullmq.finish(id, 't', 'failed', 2)).toBe(0);
    }
    const [first = '', second = '', third] = ids;
    expect(await redis.zrange(`${base}failed`, '0', '-1')).toEqual([second, third]);
    expect(await redis.exists(base + first)).toBe(0);
    expect(await redis.hmget(base + second, 'failedReason', 'ats')).toEqual(['why', '1']);
    expect(Number(await field(second, 'finishedOn'))).toBeGreaterThan(1_700_000_000_000);
    const keys = [`:${second}`, 'events', 'failed', 'wait', 'meta', 'active', 'marker', 'prioritized', 'pc'];
    expect(
      await bullmq.call('reprocessJob', keys, `{ARGV[2], 'LPUSH', 'failedReason', 'failed', '1', '1'}`, second),
    ).toBe(1);
    expect(await redis.hmget(base + second, 'ats', 'atm', 'failedReason', 'finishedOn')).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(Number(await redis.zscore(`${base}prioritized`, second))).toBeGreaterThan(9 * 2 ** 32);
  });

  it('gives nothing while paused, and keeps what is pushed meanwhile where it was', async () => {
    const keys = ['wait', 'paused', 'meta', 'prioritized', 'events', 'delayed', 'marker'];
    await bullmq.call('pause', keys, `{'paused', '1'}`);
    await bullmq.add('1', '{priority = 1}');
    expect((await bullmq.take('t'))[0]).toBe(0);
    expect(await redis.zcard(`${base}prioritized`)).toBe(1);
    await bullmq.call('pause', ['paused', 'wait', ...keys.slice(2)], `{'resumed', '1'}`);
    expect((await bullmq.take('t'))[1]).toBe('1');
  });

  it('writes no events inside of our scripts', async () => {
    const id = await bullmq.add('1', '{priority = 1}');
    await bullmq.take('0');
    await bullmq.finish(id, '0');
    expect(await redis.exists(`${base}events`)).toBe(0);
  });
});
