import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findRedisServer, RedisServerMissing } from '#lib/redis';
import { parseVersion } from './redis.binary.js';

/** A folder to be the whole PATH, with programs that print a text or fail. */
function path(programs: Record<string, string>): NodeJS.ProcessEnv {
  const directory = mkdtempSync(join(tmpdir(), 'path-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  for (const [name, output] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\necho '${output}'\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return { PATH: directory };
}

it('a server is told by what it says its version is', () => {
  expect(parseVersion('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d3')).toBe('7.0.15');
  expect(parseVersion('Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64')).toBe('8.1.1');
  expect(parseVersion('redis-check-rdb 7.0.15')).toBeUndefined();
});

it('the first server on PATH that is new enough is taken', async () => {
  const environment = path({
    'redis-server': 'Redis server v=6.2.14 sha=0',
    'valkey-server': 'Valkey server v=8.1.1 sha=0',
  });
  expect(await findRedisServer(undefined, environment)).toMatchObject({ file: 'valkey-server', version: '8.1.1' });
});

it('without any way to one it says in one sentence what was tried and what to do', async () => {
  const found = findRedisServer(undefined, path({ 'redis-server': 'Redis server v=6.2.14 sha=0' }));
  await expect(found).rejects.toThrow(RedisServerMissing);
  await expect(found).rejects.toThrow(
    /^No redis-server 7 or newer: redis-server on PATH is 6\.2\.14; the system has no apt-get .*; it cannot be built here \(no make\)\. Install one .* or set REDIS_URL to a Redis that runs\.$/,
  );
});
