import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LocalRedis, LocalRedisFailed } from '#lib/redis';

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'local-redis-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

async function start(directory: string, port?: number): Promise<LocalRedis> {
  const redis = await LocalRedis.start(port === undefined ? { directory } : { directory, port });
  onTestFinished(async () => {
    redis.kill('SIGKILL');
    await redis.exited;
  });
  return redis;
}

function connect(redis: LocalRedis): Redis {
  const client = new Redis(redis.url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  onTestFinished(() => {
    client.disconnect();
  });
  return client;
}

describe('a local Redis', () => {
  it('answers when it has started, evicts nothing and syncs each write', async () => {
    const redis = await start(newDirectory());
    const client = connect(redis);
    expect(redis.fresh).toBe(true);
    expect(await client.config('GET', 'maxmemory-policy')).toContain('noeviction');
    expect(await client.config('GET', 'appendfsync')).toContain('always');
    expect(await client.config('GET', 'appendonly')).toContain('yes');
    expect(await client.config('GET', 'save')).toEqual(['save', '']);
    expect(await client.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
  });

  it('keeps what it acknowledged, also when it is killed, and comes back on its port', async () => {
    const redis = await start(newDirectory());
    await connect(redis).set('key', 'value');
    redis.kill('SIGKILL');
    expect(await redis.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await redis.restart();
    expect(await connect(redis).get('key')).toBe('value');
    expect(await redis.stop()).toEqual({ code: 0, signal: null });
    const next = await start(redis.directory, redis.port);
    expect(next.fresh).toBe(false);
    expect(await connect(next).get('key')).toBe('value');
  });

  it('leaves its log in its directory', async () => {
    const redis = await start(newDirectory());
    expect(readFileSync(join(redis.directory, 'redis.log'), 'utf8')).toContain('Ready to accept connections');
  });

  it('says why it did not start: the port is taken', async () => {
    const first = await start(newDirectory());
    await expect(start(newDirectory(), first.port)).rejects.toThrow(/port \d+\. [^]*Address already in use/);
  });

  it('says why it did not start: the data is damaged', async () => {
    const redis = await start(newDirectory());
    await connect(redis).set('key', 'value');
    await redis.stop();
    appendFileSync(join(redis.directory, 'appendonlydir', 'appendonly.aof.1.incr.aof'), '*no command\r\n*1\r\n');
    await expect(redis.restart()).rejects.toThrow(/Bad file format/);
  });

  it('is not started beside another one on the same directory', async () => {
    const redis = await start(newDirectory());
    const second = start(redis.directory);
    await expect(second).rejects.toThrow(LocalRedisFailed);
    await expect(second).rejects.toThrow(`kill ${redis.pid}`);
  });
});
