import { createHash } from 'node:crypto';
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  makeDirectory,
  startNode,
  startRedis,
  TestNode,
  type Answer,
  type Json,
  type TestRedis,
} from '../../../test/cluster/index.js';

const line = (name: string, token: string, scopes: string) =>
  `${name} ${createHash('sha256').update(token).digest('hex')} ${scopes}\n`;
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

const READER = 'reader-token-6f1c';
const LOCKER = 'locker-token-93ab';
const ADMIN = 'admin-token-27de';
const tokens = line('dashboard', READER, 'read') + line('billing', LOCKER, 'lock') + line('ops', ADMIN, 'admin');

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
  return () => redis.stop();
});

function tokensFile(text: string): string {
  const file = join(makeDirectory(), 'tokens');
  writeFileSync(file, text);
  return file;
}

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  expect(answer.body).toMatchObject({ status });
}

describe('a node without tokens', () => {
  it('says once that it is open, and is', async () => {
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'open' });
    expect((await node.get('/cluster')).status).toBe(200);
    expect((await node.get('/cluster', bearer('whatever'))).status).toBe(200);
    expect((await node.get('/metrics')).status).toBe(200);
    expect(node.log().filter((text) => text.includes('open to everyone'))).toHaveLength(1);
  });
});

describe('a node with tokens', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startNode({
      redisUrl: redis.url,
      nodeId: 'guarded',
      env: { API_TOKENS_FILE: tokensFile(tokens), LOG_LEVEL: 'trace' },
    });
    return () => node.stop();
  });
  // Whatever was sent above, at the most talkative level.
  afterAll(() => {
    const log = node.log().join('\n');
    expect(log).toContain('calls need a token; 3 known');
    for (const secret of [READER, LOCKER, ADMIN, 'not-a-token']) expect(log).not.toContain(secret);
  });

  it('answers probes without one', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/health/startup', '/HEALTH/']) {
      expect((await node.get(path)).status, path).toBe(200);
    }
  });

  it.each(['/cluster', '/metrics', '/CLUSTER/', '/lock?name=x', '/docs', '/nothing-there', '/'])(
    'tells a missing token from a wrong one at %s',
    async (path) => {
      const missing = await node.get(path);
      expectProblem(missing, 401);
      expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="distributed-sync-system"');
      const wrong = await node.get(path, bearer('not-a-token'));
      expectProblem(wrong, 401);
      expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
    },
  );

  it.each([
    ['another scheme', `Basic ${LOCKER}`],
    ['no scheme', LOCKER],
    ['nothing after it', 'Bearer '],
    ['something after it', `Bearer ${LOCKER} x`],
    ['the beginning of one', `Bearer ${LOCKER.slice(0, -1)}`],
    ['its hash', `Bearer ${createHash('sha256').update(LOCKER).digest('hex')}`],
  ])('refuses %s', async (_, authorization) => {
    expectProblem(await node.get('/cluster', { headers: { authorization } }), 401);
  });

  it('takes the scheme in any case, and every token for what any may see', async () => {
    for (const token of [READER, LOCKER, ADMIN]) {
      expect((await node.get('/cluster', bearer(token))).status).toBe(200);
    }
    expect((await node.get('/cluster', { headers: { authorization: `bearer ${READER}` } })).status).toBe(200);
  });

  it('tells a token that is not enough from one that is', async () => {
    const refused = await node.get('/metrics', bearer(LOCKER));
    expectProblem(refused, 403);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="read"');
    expectProblem(await node.get('/METRICS/', bearer(LOCKER)), 403);
    expectProblem(await node.post('/queue/push', {}, bearer(LOCKER)), 403);
    expectProblem(await node.request('DELETE', '/lock?name=x', bearer(LOCKER)), 403);
    expect((await node.get('/metrics', bearer(READER))).status).toBe(200);
  });

  const acquire: Json = { name: 'a lock', mode: 'exclusive', owner: 'me' };
  it.each([
    ['POST', '/lock/acquire', acquire, [LOCKER]],
    ['GET', '/lock?name=x', undefined, [LOCKER, READER]],
    ['POST', '/cache/read-many', { keys: ['x'] }, [READER]],
    ['POST', '/cache/write', { key: 'x', value: 1 }, []],
    ['POST', '/queue/push', { queue: 'x', payload: 1 }, []],
    ['POST', '/queue/purge', { queue: 'x' }, [ADMIN]],
    ['DELETE', '/queue?queue=x', undefined, [ADMIN]],
    ['GET', '/admin/queues', undefined, [ADMIN]],
  ])('lets only those call %s %s who may', async (method, path, body, allowed) => {
    for (const token of [READER, LOCKER, ADMIN]) {
      const sent = { ...bearer(token), ...(body && { text: JSON.stringify(body) }) };
      const headers = { ...sent.headers, ...(body && { 'content-type': 'application/json' }) };
      const { status } = await node.request(method, path, { ...sent, headers });
      expect(status, token).toBe(allowed.includes(token) ? 200 : 403);
    }
  });

  it('says that there is no such route only to who has a token', async () => {
    expectProblem(await node.get('/nothing-there', bearer(READER)), 404);
  });

  it('refuses before it reads the body', async () => {
    const big = 'x'.repeat(2 * 1024 * 1024);
    const sent = { text: big, headers: { 'content-type': 'text/plain' } };
    expectProblem(await node.request('POST', '/cluster', sent), 401);
  });
});

it('a node with METRICS_PUBLIC gives metrics to everyone, and nothing else', async () => {
  const env = { API_TOKENS_FILE: tokensFile(tokens), METRICS_PUBLIC: 'true' };
  await using node = await startNode({ redisUrl: redis.url, nodeId: 'measured', env });
  expect((await node.get('/metrics')).status).toBe(200);
  expect((await node.get('/Metrics/')).status).toBe(200);
  expect((await node.get('/cluster')).status).toBe(401);
});

describe('tokens that change', () => {
  it('count within seconds, and a broken file changes nothing', async () => {
    const file = tokensFile(line('first', 'token-1', 'read'));
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env: { API_TOKENS_FILE: file } });
    const status = async (token: string) => (await node.get('/cluster', bearer(token))).status;
    const says = async (text: string) =>
      await eventually(() => node.log().some((logged) => logged.includes(text)), { what: `the log to say ${text}` });
    expect([await status('token-1'), await status('token-2')]).toEqual([200, 401]);

    // As an editor saves.
    writeFileSync(file, line('second', 'token-2', 'read'));
    await eventually(async () => (await status('token-2')) === 200, { what: 'the second token to count' });
    expect(await status('token-1')).toBe(401);

    writeFileSync(file, 'third token-3 read\n');
    await says('line 1 must have the SHA-256');
    expect([await status('token-2'), await status('token-3')]).toEqual([200, 401]);
    expect(node.log().join('\n')).not.toContain('token-3');

    // As deployments replace a file: by a rename.
    writeFileSync(`${file}.new`, line('fourth', 'token-4', 'read'));
    renameSync(`${file}.new`, file);
    await eventually(async () => (await status('token-4')) === 200, { what: 'the fourth token to count' });

    rmSync(file);
    await says('ENOENT');
    expect(await status('token-4')).toBe(200);

    // As Kubernetes does: by a link to another file.
    writeFileSync(`${file}.target`, line('fifth', 'token-5', 'read'));
    symlinkSync(`${file}.target`, file);
    await eventually(async () => (await status('token-5')) === 200, { what: 'the fifth token to count' });
    expect(await status('token-4')).toBe(401);
  }, 30_000);

  it.each([
    ['is not there', '/nowhere/tokens', 'ENOENT'],
    ['is broken', tokensFile('a b c'), 'line 1 must have the SHA-256'],
    ['is empty', tokensFile(''), 'there is no token in it'],
  ])('a node does not start where the file %s', async (_, file, complaint) => {
    await using node = await TestNode.create({
      redisUrl: redis.url,
      nodeId: 'node1',
      env: { API_TOKENS_FILE: file },
    });
    await expect(node.start()).rejects.toThrow(`API_TOKENS_FILE ${file}: ${complaint}`);
  });
});
