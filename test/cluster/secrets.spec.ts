import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Child } from '#lib/process';
import { findRedisServer } from '#lib/redis';
import {
  eventually,
  makeCertificate,
  makeDirectory,
  reservePorts,
  startNode,
  TestNode,
  type Certificate,
  type Json,
} from './index.js';

const PASSWORD = 'redis-p4ss/w:rd';
const USER_PASSWORD = 'acl-p4ssword';
const TOKEN = 'bearer-t0ken-of-a-client';
const RULES = `on >${USER_PASSWORD} ~sync:* &sync:* +@all -@admin -@dangerous +info +config|get`;

/** A call of each kind, in an order in which each has something to do. */
const serviceCalls: [path: string, body: Json][] = [
  ['/lock/acquire', { name: 'a lock', mode: 'exclusive', owner: 'me' }],
  ['/lock/renew', { owner: 'me', names: ['a lock'] }],
  ['/lock/release', { name: 'a lock', owner: 'me' }],
  ['/queue/push', { queue: 'a queue', payload: 1 }],
  ['/queue/push', { queue: 'a queue', payload: 2, delayMs: 1 }],
  ['/queue/pop', { queue: 'a queue' }],
  ['/queue/pop', { queue: 'a queue', waitMs: 10_000 }],
  ['/queue/schedule', { queue: 'a queue', id: 'often', payload: 3, everyMs: 1000 }],
  ['/queue/pop', { queue: 'a queue', waitMs: 10_000 }],
  ['/cache/write', { key: 'a key', value: 1 }],
  ['/cache/read-many', { keys: ['a key'] }],
  ['/cache/increment', { key: 'a key' }],
  ['/cache/delete', { key: 'a key' }],
];

/** A Redis that asks for a password and speaks only TLS. */
class GuardedRedis {
  private constructor(
    private readonly child: Child,
    readonly port: number,
    readonly tls: Certificate,
  ) {}

  static async start(): Promise<GuardedRedis> {
    const port = await reservePorts(1);
    const tls = await makeCertificate();
    const { file, argv0 } = await findRedisServer();
    const config = join(makeDirectory(), 'redis.conf');
    writeFileSync(
      config,
      [
        'port 0',
        `tls-port ${port}`,
        'bind 127.0.0.1',
        `tls-cert-file ${tls.certificate}`,
        `tls-key-file ${tls.key}`,
        'tls-auth-clients no',
        'save ""',
        `requirepass ${PASSWORD}`,
        `user app ${RULES}`,
      ].join('\n'),
    );
    return new GuardedRedis(await Child.start({ file, argv0, args: [config] }), port, tls);
  }

  url(userinfo: string): string {
    return `rediss://${userinfo}@127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.child.stop(5000);
  }
}

describe('a node on a Redis with a password and TLS', () => {
  let redis: GuardedRedis;
  let env: Record<string, string>;

  beforeAll(async () => {
    redis = await GuardedRedis.start();
    const file = join(makeDirectory(), 'tokens');
    writeFileSync(file, `client ${createHash('sha256').update(TOKEN).digest('hex')} lock,queue,cache,read\n`);
    // The most talkative level there is.
    env = { LOG_LEVEL: 'trace', API_TOKENS_FILE: file, NODE_EXTRA_CA_CERTS: redis.tls.certificate };
    return () => redis.stop();
  });

  async function provoke(node: TestNode): Promise<string> {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const answers = [
      await node.get('/cluster', { headers }),
      await node.get('/cluster?x=1', { headers }),
      await node.get('/nowhere', { headers: { authorization: `Bearer ${TOKEN}x` } }),
      await node.request('POST', '/cluster', {
        headers: { ...headers, 'content-type': 'application/json' },
        text: '{',
      }),
    ];
    // Every service reaches Redis, whose user may do what they need.
    for (const [path, body] of serviceCalls) {
      const answer = await node.post(path, body, { headers });
      expect(answer.body, path).toMatchObject({ ok: true });
      answers.push(answer);
    }
    const { ok, node: id } = answers[0]?.body ?? {};
    expect({ ok, id }).toEqual({ ok: true, id: node.id });
    const said = answers.map(({ text }) => text).join('\n');
    expect(said).not.toMatch(/\n\s+at |node_modules|\.[jt]s:\d+/);
    return said;
  }

  it.each([
    ['by password', `:${encodeURIComponent(PASSWORD)}`],
    ['as a user with the rights that docs/SECURITY.md names', `app:${USER_PASSWORD}`],
  ])('works %s, and no secret is in its log or answers', async (_, userinfo) => {
    await using node = await startNode({ redisUrl: redis.url(userinfo), nodeId: 'secretive', env });
    const said = await provoke(node);
    await node.stop();
    const log = node.log().join('\n');
    expect(log).toContain('/cluster');
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), USER_PASSWORD, TOKEN, redis.url(userinfo)]) {
      expect(log).not.toContain(secret);
      expect(said).not.toContain(secret);
    }
  });

  it.each([
    ['a wrong password', ':wr0ng-password', {}, /WRONGPASS/],
    ['an authority that it does not know', `app:${USER_PASSWORD}`, { NODE_EXTRA_CA_CERTS: '' }, /certificate/],
  ])('with %s says why Redis is away, without the secret', async (_, userinfo, changes, reason) => {
    await using node = await TestNode.create({
      redisUrl: redis.url(userinfo),
      nodeId: 'shut-out',
      env: { ...env, ...changes },
    });
    await node.launch();
    await eventually(() => node.log().some((line) => reason.test(line)), { what: `the log to say ${reason.source}` });
    expect((await node.get('/health')).status).toBe(503);
    await node.kill();
    expect(node.log().join('\n')).not.toMatch(/wr0ng-password|acl-p4ssword/);
  });
});

it('docs/SECURITY.md names the rights that were tried here', () => {
  const text = readFileSync(new URL('../../docs/SECURITY.md', import.meta.url), 'utf8');
  expect(text).toContain(`ACL SETUSER sync ${RULES.replace(USER_PASSWORD, 'password')}`);
});
