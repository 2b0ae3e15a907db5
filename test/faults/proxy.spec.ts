import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../cluster/index.js';
import { Proxy } from './proxy.js';

describe('the proxy before Redis', () => {
  let redis: TestRedis;
  let proxy: Proxy;
  beforeAll(async () => {
    redis = await startRedis();
    proxy = await Proxy.start(redis.port);
    return async () => {
      await proxy.stop();
      await redis.stop();
    };
  });

  async function connected(purpose: string): Promise<Redis> {
    const client = new Redis(proxy.url, {
      connectionName: `sync:node1:${purpose}`,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    client.on('error', () => undefined);
    await client.ping();
    return client;
  }

  /** What Redis itself says. */
  const direct = async (key: string) => await redis.command('get', key);

  it('passes everything on, in order', async () => {
    const client = await connected('commands');
    const values = Array.from({ length: 1000 }, (_, i) => i);
    await Promise.all(values.map((value) => client.rpush('list', value)));
    expect(await client.lrange('list', 0, -1)).toEqual(values.map(String));
    client.disconnect();
  });

  it('holds what goes to Redis until it is healed, then it arrives in its order', async () => {
    const client = await connected('commands');
    proxy.hold(['to Redis']);
    const answers = [client.set('late', 1), client.incr('late')];
    expect(await direct('late')).toBeNull();
    proxy.heal();
    expect(await Promise.all(answers)).toEqual(['OK', 2]);
    client.disconnect();
  });

  it('holds what comes from Redis while the command takes effect, and resets the connection', async () => {
    const client = await connected('commands');
    proxy.hold(['from Redis']);
    const answer = client.set('lost', 'there').then(String, (error: unknown) => error);
    await eventually(async () => (await direct('lost')) === 'there', { what: 'the command' });
    proxy.heal(false);
    expect(await answer).toBeInstanceOf(Error);
    client.disconnect();
  });

  it('tells the connections apart by their purpose', async () => {
    const [commands, lease] = [await connected('commands'), await connected('lease')];
    proxy.hold(['to Redis', 'from Redis'], (name) => name === 'lease');
    const held = lease.set('by lease', 1);
    const fresh = await connected('commands');
    expect(await commands.ping()).toBe('PONG');
    expect(await fresh.get('by lease')).toBeNull();
    proxy.heal();
    expect(await held).toBe('OK');
    for (const client of [commands, lease, fresh]) client.disconnect();
  });

  it('makes every piece late, none overtaken', async () => {
    const client = await connected('commands');
    proxy.slow(50);
    const since = performance.now();
    const one = client.incr('slow');
    const two = client.incr('slow');
    expect(await Promise.all([one, two])).toEqual([1, 2]);
    expect(performance.now() - since).toBeGreaterThan(95);
    proxy.heal();
    client.disconnect();
  });

  it('cuts what there is, and refuses what comes', async () => {
    const client = await connected('commands');
    const closed = new Promise((resolve) => client.once('close', resolve));
    proxy.cut();
    await closed;
    await expect(connected('commands')).rejects.toThrow();
    proxy.heal();
    const again = await connected('commands');
    expect(await again.ping()).toBe('PONG');
    again.disconnect();
  });
});
