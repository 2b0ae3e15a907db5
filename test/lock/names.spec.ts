import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LockService } from '#lib/lock';
import { startCluster, type TestCluster } from '../cluster/index.js';
import { Application } from './application.js';
import { acquire, acquireMany, look, release, renew } from './lock.client.js';

/** What might be taken for something else on its way: by a URL, JSON, Redis, a Lua pattern, an object, a log. */
const AWKWARD = Array.from('{}[]()<>:;,.*?+-^$%&=#@!|/\\"\'` ~_0').concat(
  [
    '\u00a0',
    '\u200d',
    '\u202e',
    '\u2028',
    '\ufeff',
    '\ufffd',
    '\uffff',
    'e\u0301',
    'é',
    '😀',
    '\u{10ffff}',
    '\u{e0001}',
  ],
  ['__proto__', 'constructor', '..', '%00', '%2F', '\\u0000', '{lock1}', '{}', 'null', '\\n', '${a}', '\ue000', 'ı'],
);
const control = /[\p{Cc}\p{Cs}]/u;
const text = fc.oneof(
  fc.array(fc.constantFrom(...AWKWARD), { minLength: 1, maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((one) => !control.test(one)),
  fc.constantFrom(...AWKWARD).map((one) => one.repeat(Math.floor(512 / Array.from(one).length))),
);
/** Of each run a few, taken at once, so that they could meet. */
const locks = fc.uniqueArray(text, { minLength: 2, maxLength: 6 });

describe('names and owners of any characters', () => {
  let cluster: TestCluster;
  let application: Application;
  let service: LockService;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    application = await Application.start(cluster.redis.url, 'application');
    service = application.locks;
  });
  afterAll(async () => {
    await application.stop();
    await cluster.stop();
  });
  const parameters = { seed: Number(process.env['SEED'] ?? 20_260_801), numRuns: 40 };
  const listed = async (query: Record<string, string>) => {
    const answer = await cluster.node(2).get(`/locks?limit=1000&${new URLSearchParams(query).toString()}`);
    return (answer.body['locks'] as unknown as { name: string }[]).map(({ name }) => name);
  };
  const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

  it('are told apart and come back as they are, over HTTP', async () => {
    await fc.assert(
      fc.asyncProperty(locks, text, async (names, owner) => {
        const sorted = [...names].sort(bytes);
        const many = await acquireMany(
          cluster.node(1),
          owner,
          names.map((name) => ({ name, mode: 'exclusive' })),
        );
        expect(Object.keys(many.tokens ?? {}).sort(bytes)).toEqual(sorted);
        expect(await listed({ owner })).toEqual(sorted);
        const rival = `${Array.from(owner).slice(0, 100).join('')}'s rival`;
        await Promise.all(
          names.map(async (name) => {
            expect(await look(cluster.node(2), name)).toMatchObject({
              name,
              holders: [{ owner, token: many.tokens?.[name] }],
            });
            expect(await listed({ prefix: name })).toContain(name);
            expect(await acquire(cluster.node(2), name, rival)).toEqual({ ok: false, reason: 'locked' });
          }),
        );
        expect([...((await renew(cluster.node(2), owner, names)).renewed ?? [])].sort(bytes)).toEqual(sorted);
        const released = await Promise.all(names.map((name) => release(cluster.node(2), name, owner)));
        expect(released).toEqual(names.map(() => ({ ok: true })));
        expect(await listed({ owner })).toEqual([]);
      }),
      parameters,
    );
  });

  /** From one to the next, who waits, before the eyes of one who watches. */
  async function handOver(name: string, owner: string, next: string): Promise<void> {
    const exclusive = { name, mode: 'exclusive' as const };
    const heard: string[] = [];
    const last = Promise.withResolvers<undefined>();
    const end = await service.watch(name, (event) => {
      if (event.kind !== 'state') heard.push(`${event.kind} ${event.name} ${event.owner}`);
      if (event.kind === 'released' && event.owner === next) last.resolve(undefined);
    });
    const first = await service.acquire({ ...exclusive, owner });
    const waiting = service.acquire({ ...exclusive, owner: next, waitMs: 20_000 });
    // A release before he waits would let him have it at once, which is as good.
    await service.release({ name, owner });
    const second = await waiting;
    expect(first.ok && second.ok && second.token > first.token).toBe(true);
    expect(await service.inspect(name)).toMatchObject({ name, holders: [{ owner: next }] });
    await service.release({ name, owner: next });
    await last.promise;
    expect(heard.at(-1)).toBe(`released ${name} ${next}`);
    expect(heard).toContain(`acquired ${name} ${owner}`);
    end();
  }

  it('are told apart and come back as they are, in-process, also to those who wait and watch', async () => {
    await fc.assert(
      fc.asyncProperty(locks, fc.uniqueArray(text, { minLength: 2, maxLength: 2 }), async (names, owners) => {
        const [owner = '', next = ''] = owners;
        await Promise.all(names.map((name) => handOver(name, owner, next)));
      }),
      parameters,
    );
  });
});
