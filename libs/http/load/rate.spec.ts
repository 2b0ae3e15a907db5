import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeDirectory, startNode, startRedis, type TestNode, type TestRedis } from '../../../test/cluster/index.js';
import { networkOf } from './address.js';
import { TokenBuckets } from './token.buckets.js';

describe('token buckets', () => {
  it('give what was saved up for a second at once, and then one after the other', () => {
    const buckets = new TokenBuckets(10, 100);
    for (let call = 0; call < 10; call += 1) expect(buckets.take('a', 0)).toBe(0);
    expect(buckets.take('a', 0)).toBe(100);
    expect(buckets.take('a', 60)).toBeCloseTo(40);
    expect(buckets.take('a', 101)).toBe(0);
    expect(buckets.take('a', 102)).toBeGreaterThan(90);
  });

  it('are one for each caller', () => {
    const buckets = new TokenBuckets(1, 100);
    expect([buckets.take('a', 0), buckets.take('b', 0)]).toEqual([0, 0]);
    expect(buckets.take('a', 0)).toBe(1000);
  });

  it('never let more through than the rate and one full bucket, however the calls fall', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), gaps, (rate, pauses) => {
        const buckets = new TokenBuckets(rate, 10);
        let now = 0;
        let granted = 0;
        for (const pause of pauses) {
          now += pause;
          if (buckets.take('a', now) === 0) granted += 1;
          expect(granted).toBeLessThanOrEqual(rate + (rate * now) / 1000 + 1e-6);
        }
      }),
    );
  });

  it('let a caller through that waits as long as it was told', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 900 }), (rate, begin) => {
        const buckets = new TokenBuckets(rate, 10);
        let waitMs = 0;
        while (waitMs === 0) waitMs = buckets.take('a', begin);
        expect(buckets.take('a', begin + waitMs + 1e-6)).toBe(0);
      }),
    );
  });

  it('remember a bounded number of callers, the latest', () => {
    const buckets = new TokenBuckets(1, 3);
    for (const caller of ['a', 'b', 'c', 'd']) expect(buckets.take(caller, 0)).toBe(0);
    expect(buckets.take('d', 0)).toBe(1000);
    expect(buckets.take('a', 0)).toBe(0);
  });
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
])('the address %s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

describe('a node with RATE_LIMIT_PER_S', () => {
  const RATE = 5;
  const tokens = ['first', 'second'].map((name) => {
    const hash = createHash('sha256').update(`token-${name}`).digest('hex');
    return `${name} ${hash} read\n`;
  });
  const authorization = (name: string) => ({ authorization: `Bearer token-${name}` });

  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
    return () => redis.stop();
  });

  /** More calls at once than the rate allows for some seconds. */
  async function flood(node: TestNode, headers: Record<string, string> = {}) {
    const answers = await Promise.all(Array.from({ length: 6 * RATE }, () => node.get('/cluster', { headers })));
    const passed = answers.filter(({ status }) => status !== 429);
    return { passed, refused: answers.filter(({ status }) => status === 429) };
  }

  it('refuses an address that calls more often, and says when to come again', async () => {
    const env = { RATE_LIMIT_PER_S: String(RATE) };
    await using node = await startNode({ redisUrl: redis.url, nodeId: 'node1', env });
    const { passed, refused } = await flood(node);
    expect(passed.length).toBeGreaterThanOrEqual(RATE);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.body).toMatchObject({ status: 429 });
    for (const path of ['/health', '/health/ready', '/metrics']) expect((await node.get(path)).status).toBe(200);
    expect((await node.get('/metrics')).text).toContain(`sync_http_refused_total{reason="rate"} ${refused.length}`);
  });

  it('believes X-Forwarded-For only of as many proxies as there are', async () => {
    const env = { RATE_LIMIT_PER_S: String(RATE) };
    await using direct = await startNode({ redisUrl: redis.url, nodeId: 'direct', env });
    await using behind = await startNode({
      redisUrl: redis.url,
      nodeId: 'behind',
      env: { ...env, TRUSTED_PROXIES: '1' },
    });
    const refusals = async (node: TestNode, forwarded: (call: number) => string) => {
      const calls = Array.from({ length: 6 * RATE }, (_, call) => ({ 'x-forwarded-for': forwarded(call) }));
      const answers = await Promise.all(calls.map((headers) => node.get('/cluster', { headers })));
      return answers.filter(({ status }) => status === 429).length;
    };
    const another = (call: number) => `192.0.2.${call}`;
    expect(await refusals(direct, another)).toBeGreaterThan(0);
    expect(await refusals(behind, another)).toBe(0);
    // The last one is what the proxy saw; the others are what the client wrote.
    expect(await refusals(behind, (call) => `${another(call)}, 198.51.100.1`)).toBeGreaterThan(0);
  });

  it('counts by credential where there is one, and wrong ones by address', async () => {
    const file = join(makeDirectory(), 'tokens');
    writeFileSync(file, tokens.join(''));
    await using node = await startNode({
      redisUrl: redis.url,
      nodeId: 'node1',
      env: { RATE_LIMIT_PER_S: String(RATE), API_TOKENS_FILE: file },
    });
    expect((await flood(node, authorization('first'))).refused.length).toBeGreaterThan(0);
    expect((await node.get('/cluster', { headers: authorization('second') })).status).toBe(200);
    const guessed = await flood(node, authorization('nobody'));
    expect(new Set(guessed.passed.map(({ status }) => status))).toEqual(new Set([401]));
    expect(guessed.refused.length).toBeGreaterThan(0);
    expect((await node.get('/cluster', { headers: authorization('second') })).status).toBe(200);
  });
});
