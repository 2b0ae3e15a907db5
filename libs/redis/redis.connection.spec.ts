import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '#lib/config';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CurrentServer, RedisConnection, RedisUnavailable, type LuaScript } from './index.js';
import { libraryOf } from './redis.script.js';

function script(name: string, text: string): LuaScript {
  return { name, numberOfKeys: 1, ...libraryOf(`test_${name}`, 1, text) };
}

const increment = script('increment', `local function run() return redis.call('INCR', KEYS[1]) end`);

describe('a connection to Redis', () => {
  let redis: TestRedis;
  let open: RedisConnection[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(open.map((connection) => connection.close()));
    open = [];
  });
  afterAll(async () => {
    await redis.stop();
  });

  const connect = async (current = new CurrentServer(), waitsForAdmission = false) => {
    const settings = readSettings({ REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '300' });
    const connection = new RedisConnection(settings, current, 'test', waitsForAdmission, true);
    open.push(connection);
    await once(connection, 'up');
    return connection;
  };
  const refusal = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RedisUnavailable);
    return error as RedisUnavailable;
  };

  /** How often Redis has run each of these commands since the last time. */
  const counts = async (connection: RedisConnection, ...commands: string[]) => {
    const info = await connection.redis.info('commandstats');
    await connection.redis.config('RESETSTAT');
    return commands.map((name) =>
      Number(RegExp(`cmdstat_${name.replace('|', '\\|')}:calls=(\\d+)`).exec(info)?.[1] ?? 0),
    );
  };
  const flushes: readonly [string, (connection: RedisConnection) => Promise<unknown>][] = [
    ['FUNCTION FLUSH', (connection) => connection.redis.function('FLUSH')],
    ['FLUSHALL and SCRIPT FLUSH', async ({ redis: client }) => [await client.flushall(), await client.script('FLUSH')]],
  ];

  it.each(flushes)('survives %s: each call runs once, and one of them brings the library', async (_, flush) => {
    const connection = await connect();
    await connection.run(increment, ['first'], []);
    await flush(connection);
    await counts(connection);
    const before = Number(await connection.redis.get('loads'));
    const answers = await Promise.all(Array.from({ length: 50 }, () => connection.run(increment, ['loads'], [])));
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => before + i + 1));
    const [loads = 0, evals, runs] = await counts(connection, 'function|load', 'eval', 'incr');
    expect(loads).toBeLessThanOrEqual(1);
    expect([evals, runs]).toEqual([0, 50]);
  });

  it('runs what needs no room in a Redis that is full, which takes no library', async () => {
    const connection = await connect();
    const remove = script(
      'remove',
      `#!lua flags=allow-oom\nlocal function run() return redis.call('DEL', KEYS[1]) end`,
    );
    await connection.run(increment, ['full'], []);
    await connection.redis.config('SET', 'maxmemory', '1');
    try {
      const refused = await refusal(connection.run(increment, ['full'], []));
      expect([refused.mayHaveTakenEffect, refused.isFull]).toEqual([false, true]);
      expect(await connection.run(remove, ['full'], [])).toBe(1);
      expect(await connection.redis.function('LIST', 'LIBRARYNAME', remove.library)).toEqual([]);
    } finally {
      await connection.redis.config('SET', 'maxmemory', '0');
    }
    expect(await connection.run(remove, ['full'], [])).toBe(0);
    expect(await connection.redis.function('LIST', 'LIBRARYNAME', remove.library)).toHaveLength(1);
  });

  it('keeps what is made once per library, and nothing of a call that failed', async () => {
    const connection = await connect();
    const count = script(
      'count',
      `local made, given = 0, nil
       local function run()
         made, given = made + 1, ARGV[1]
         if given == 'fail' then error('as asked') end
         return {made, given, KEYS[1]}
       end`,
    );
    expect(await connection.run(count, ['a'], ['x'])).toEqual([1, 'x', 'a']);
    await expect(connection.run(count, ['b'], ['fail'])).rejects.toThrow('as asked');
    expect(await connection.run(count, ['c'], ['y'])).toEqual([3, 'y', 'c']);
  });

  it('nodes of two versions each call their own script, and of what nobody calls one version stays', async () => {
    const [old, other, next] = [await connect(), await connect(), await connect()];
    const version = (number: number) => script('versioned', `local function run() return ${number} end`);
    const listed = async () => (await old.redis.function('LIST', 'LIBRARYNAME', 'sync_test_versioned_*')).length;
    expect(await old.run(version(1), ['k'], [])).toBe(1);
    expect(await other.run(version(1), ['k'], [])).toBe(1);
    await counts(old);
    for (let round = 0; round < 30; round += 1) {
      for (const connection of [old, other]) expect(await connection.run(version(1), ['k'], [])).toBe(1);
      expect(await next.run(version(2), ['k'], [])).toBe(2);
    }
    // Each process clears away once at most, so that they do not go on at it.
    const [loads = 0, evals] = await counts(old, 'function|load', 'eval');
    expect(loads).toBeLessThanOrEqual(4);
    expect(evals).toBeLessThanOrEqual(4);
    expect(await listed()).toBe(2);
    expect(await (await connect()).run(version(3), ['k'], [])).toBe(3);
    await eventually(async () => (await listed()) === 1, { what: 'the versions of before to go' });
  });

  describe('calls of one turn of the event loop', () => {
    const append = script(
      'append',
      `local function run()
         if ARGV[1] == 'fail' then error('as asked') end
         if ARGV[1] == 'wrong' then redis.call('INCR', KEYS[1]) end
         redis.call('RPUSH', KEYS[1], ARGV[1])
         if ARGV[1] == 'nothing' then return nil end
         return {#ARGV, ARGV[2] or '', redis.call('LRANGE', KEYS[1], 0, -1)}
       end`,
    );

    it('go as one where they may join, each with its own keys, arguments and answer', async () => {
      const connection = await connect();
      await connection.run(append, ['warm'], ['0'], true);
      await counts(connection);
      const calls = Array.from({ length: 40 }, (_, i) =>
        connection.run(append, [`joined ${i % 20}`], i % 2 ? [i] : [i, 'x'], true),
      );
      const answers = await Promise.all(calls);
      answers.forEach((answer, i) => {
        const list = i < 20 ? [`${i}`] : [`${i - 20}`, `${i}`];
        expect(answer).toEqual(i % 2 ? [1, '', list] : [2, 'x', list]);
      });
      // At most eight at a time.
      expect(await counts(connection, 'fcall', 'rpush')).toEqual([5, 40]);
    });

    it('fail by themselves', async () => {
      const connection = await connect();
      const ask = (text: string) => connection.run(append, ['failing'], [text], true);
      const answers = await Promise.allSettled(['a', 'fail', 'b', 'wrong', 'nothing', 'c'].map(ask));
      expect(answers.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      expect(answers[1]).toHaveProperty('reason.message', expect.stringContaining('as asked'));
      expect(answers[3]).toHaveProperty('reason.message', expect.stringMatching(/^WRONGTYPE /));
      expect(answers[4]).toHaveProperty('value', null);
      expect(answers[5]).toHaveProperty('value', [1, '', ['a', 'b', 'nothing', 'c']]);
      expect(answers[1]).not.toHaveProperty('reason', expect.any(RedisUnavailable));
    });

    it('keep their order on the same thing, and go alone where they are large or may not join', async () => {
      const connection = await connect();
      const other = script('other', `local function run() return redis.call('RPUSH', KEYS[1], 'other') end`);
      await Promise.all([connection.run(append, ['warm'], ['0'], true), connection.run(other, ['warm'], [], true)]);
      await counts(connection);
      await Promise.all([
        connection.run(append, ['thing'], ['1'], true),
        connection.run(other, ['thing'], [], true),
        connection.run(append, ['thing'], ['2'], true),
        connection.run(append, ['another'], ['1'], true),
        connection.run(append, ['large'], ['x'.repeat(5000)], true),
        connection.run(append, ['alone'], ['1']),
      ]);
      expect(await connection.redis.lrange('thing', 0, -1)).toEqual(['1', 'other', '2']);
      expect(await counts(connection, 'fcall')).toEqual([5]);
    });

    it('are all refused by a Redis that is full, and those that need no room all run, also without a library', async () => {
      const connection = await connect();
      const free = script('free', `#!lua flags=allow-oom\nlocal function run() return redis.call('DEL', KEYS[1]) end`);
      const keys = ['f1', 'f2', 'f3'];
      await Promise.all(keys.map((key) => connection.run(append, [key], ['1'], true)));
      await connection.redis.config('SET', 'maxmemory', '1');
      try {
        const refused = await Promise.all(keys.map((key) => refusal(connection.run(append, [key], ['2'], true))));
        expect(refused.map(({ mayHaveTakenEffect, isFull }) => [mayHaveTakenEffect, isFull])).toEqual(
          keys.map(() => [false, true]),
        );
        expect(await Promise.all(keys.map((key) => connection.run(free, [key], [], true)))).toEqual([1, 1, 1]);
      } finally {
        await connection.redis.config('SET', 'maxmemory', '0');
      }
    });

    it('may all have taken effect where their answer is lost', async () => {
      const connection = await connect();
      await connection.run(append, ['warm'], ['0'], true);
      redis.pause();
      const lost = await Promise.all(
        ['l1', 'l2', 'l3'].map((key) => refusal(connection.run(append, [key], ['1'], true))),
      );
      redis.resume();
      expect(lost.map(({ mayHaveTakenEffect }) => mayHaveTakenEffect)).toEqual([true, true, true]);
    });
  });

  it('tells a wrong script from an outage', async () => {
    const connection = await connect();
    await expect(
      connection.run(script('wrong', 'local function run() return nothing() end'), ['k'], []),
    ).rejects.not.toBeInstanceOf(RedisUnavailable);
  });

  it('answers in time when Redis hangs, and says that the call may have taken effect', async () => {
    const connection = await connect();
    redis.pause();
    const started = performance.now();
    const error = await refusal(connection.run(increment, ['hangs'], []));
    redis.resume();
    expect(performance.now() - started).toBeLessThan(1000);
    expect(error.mayHaveTakenEffect).toBe(true);
  });

  it('never sends a call again whose answer was lost', async () => {
    const connection = await connect();
    const { stream } = connection.redis;
    const written = stream.bytesWritten;
    redis.pause();
    const lost = refusal(connection.run(increment, ['once'], []));
    await eventually(() => stream.bytesWritten > written, { what: 'the call to be sent' });
    const up = once(connection, 'up');
    stream.destroy();
    redis.resume();
    expect((await lost).mayHaveTakenEffect).toBe(true);
    await up;
    // What was sent before the cut has been read by now: the server serves connections in the order of their data.
    expect(await connection.redis.get('once')).toBe('1');
  });

  it('refuses at once, without effect, while Redis is away, and serves again when it is back', async () => {
    const connection = await connect();
    const down = once(connection, 'down');
    await redis.kill();
    await down;
    expect((await refusal(connection.run(increment, ['away'], []))).mayHaveTakenEffect).toBe(false);
    await redis.restart();
    await eventually(() => connection.server !== undefined, { what: 'the connection' });
    expect(await connection.run(increment, ['back'], [])).toBe(1);
  });

  it('lets nothing through to another server before it was admitted', async () => {
    const current = new CurrentServer();
    const connection = await connect(current, true);
    expect((await refusal(connection.run(increment, ['gate'], []))).mayHaveTakenEffect).toBe(false);
    if (current.server) current.admit(current.server);
    expect(await connection.run(increment, ['gate'], [])).toBe(1);
    const changed = once(current, 'changed');
    await redis.kill();
    await redis.restart();
    await changed;
    expect((await refusal(connection.run(increment, ['gate'], []))).mayHaveTakenEffect).toBe(false);
  });
});
