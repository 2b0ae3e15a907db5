import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Child } from '#lib/process';
import { findRedisServer } from '#lib/redis';
import {
  eventually,
  makeCertificates,
  makeDirectory,
  reservePorts,
  startNode,
  TestNode,
  type Certificates,
} from './index.js';

const PASSWORD = 'redis-p4ss/w:rd';
const USER_PASSWORD = 'acl-p4ssword';
const TOKEN = 'bearer-t0ken-of-a-client';
const RULES = `on >${USER_PASSWORD} ~sync:* &sync:* +@all -@admin -@dangerous +info +config|get`;

/** A Redis that asks for a password and speaks only TLS. */
class GuardedRedis {
  private constructor(
    private readonly child: Child,
    readonly port: number,
    readonly certificates: Certificates,
  ) {}

  static async start(): Promise<GuardedRedis> {
    const port = await reservePorts(1);
    const certificates = makeCertificates();
    const { file, argv0 } = await findRedisServer();
    const config = join(makeDirectory(), 'redis.conf');
    writeFileSync(
      config,
      [
        'port 0',
        `tls-port ${port}`,
        'bind 127.0.0.1',
        `tls-cert-file ${certificates.certificate}`,
        `tls-key-file ${certificates.key}`,
        'tls-auth-clients no',
        'save ""',
        `requirepass ${PASSWORD}`,
        `user app ${RULES}`,
      ].join('\n'),
    );
    return new GuardedRedis(await Child.start({ file, argv0, args: [config] }), port, certificates);
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
    writeFileSync(file, `client ${createHash('sha256').update(TOKEN).digest('hex')} read\n`);
    // The most talkative level there is.
    env = { LOG_LEVEL: 'trace', API_TOKENS_FILE: file, NODE_EXTRA_CA_CERTS: redis.certificates.ca };
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
