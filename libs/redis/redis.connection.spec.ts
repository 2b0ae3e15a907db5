import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '#lib/config';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { CurrentServer, RedisConnection, RedisUnavailable, type LuaScript } from './index.js';

function script(name: string, text: string): LuaScript {
  return { name, numberOfKeys: 1, text, sha1: createHash('sha1').update(text).digest('hex') };
}

const increment = script('increment', `return redis.call('INCR', KEYS[1])`);

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
    const connection = new RedisConnection(settings, current, 'test', waitsForAdmission, {
      enableAutoPipelining: true,
    });
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

  it('loads a script where Redis does not know it, also after SCRIPT FLUSH', async () => {
    const connection = await connect();
    expect(await connection.run(increment, ['loads'], [])).toBe(1);
    await connection.redis.script('FLUSH');
    expect(await connection.run(increment, ['loads'], [])).toBe(2);
  });

  it('tells a wrong script from an outage', async () => {
    const connection = await connect();
    await expect(connection.run(script('wrong', 'return nothing()'), ['k'], [])).rejects.not.toBeInstanceOf(
      RedisUnavailable,
    );
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
