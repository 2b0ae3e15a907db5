import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../cluster/index.js';
import { scripts } from '../../libs/lock/lock.scripts.js';
import type { NamePage } from '../../libs/lock/lock.listing.js';
import type { LockStore, Stepped } from '../../libs/lock/lock.store.js';
import { costOfCalls } from './redis.cost.js';
import { bystander, ScriptedLocks } from './scripted.lock.js';

/** Most grants or removals in one step. */
const MOST = 128;
const KEEP_MS = 5000;

/** What takes more holders, waiters or time of Redis's own than the model's locks have. */
describe('the scripts of a lock with many holders or waiters', () => {
  let redis: TestRedis;
  let locks: ScriptedLocks;
  let store: LockStore;
  let dead: LockStore;
  let last: Stepped | undefined;
  let calls = 0;
  beforeAll(async () => {
    redis = await startRedis();
    // Only the speed of scripts is of interest here, not that of the disk.
    await redis.command('config', 'set', 'appendonly', 'no');
    locks = await ScriptedLocks.open(redis.url, 'many');
    const onStepped = (stepped: Stepped) => {
      last = stepped;
    };
    // The registry has given three epochs; of them only that of `living` is there.
    const known = { snapshot: () => '3 1:living' };
    store = locks.store({ ...bystander('living'), ...known, epoch: () => 1 }, onStepped);
    dead = locks.store({ ...bystander('dead'), ...known, epoch: () => 2 }, onStepped);
  });
  afterAll(async () => {
    locks.close();
    await redis.stop();
  });

  const acquire = (by: LockStore, name: string, owner: string, mode: 'exclusive' | 'shared', waitMs: number) => {
    calls += 1;
    return by.acquire({ name, owner, mode, leaseMs: 600_000, waitMs, call: `c${calls}` });
  };
  const many = (count: number, one: (i: number) => Promise<unknown>) =>
    Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  /** Moves locks of one bucket into its indices. */
  const index = async (names: string[]) => {
    const { fresh } = locks.keys.ofBucket(locks.bucketOf(names[0] ?? ''));
    while ((await locks.redis.hmget(fresh, ...names)).some((entry) => entry !== null)) {
      await locks.crowdBucket(names[0] ?? '');
    }
  };
  const offers = async () => (await locks.messages()).filter(({ kind }) => kind === 'lock.offer');

  it('grants a run of shared waiters 128 at a time, each once, in their order', async () => {
    const count = 2 * MOST + 44;
    await acquire(store, 'run', 'holder', 'exclusive', 0);
    await many(count, (i) => acquire(store, 'run', `reader${i}`, 'shared', 60_000));
    await acquire(store, 'run', 'writer', 'exclusive', 60_000);
    await acquire(store, 'run', 'late reader', 'shared', 60_000);
    await store.release('run', 'holder', undefined, undefined);
    const granted: string[][] = [];
    for (let more = true; more; more = last?.more ?? false) {
      if (granted.length > 0) await store.check('run', []);
      granted.push((await offers()).map(({ fields: [, owner = ''] }) => owner));
    }
    expect(granted.map(({ length }) => length)).toEqual([MOST, MOST, 44]);
    expect(granted.flat()).toEqual(Array.from({ length: count }, (_, i) => `reader${i}`));
    const { holds, places } = await locks.dump('run');
    const tokens = granted.flat().map((owner) => Number(holds.get(owner)?.words[1]));
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).toBe(count);
    const queued = [...places].filter(([, { words }]) => words[3] === 'q').map(([owner]) => owner);
    expect(new Set(queued)).toEqual(new Set(['writer', 'late reader']));
  });

  it('drops the places of the dead 128 at a time, and then serves the living', async () => {
    const count = 2 * MOST + 10;
    await acquire(store, 'dead', 'holder', 'exclusive', 0);
    await many(count, (i) => acquire(dead, 'dead', `lost${i}`, 'exclusive', 60_000));
    await acquire(store, 'dead', 'alive', 'exclusive', 60_000);
    const left: number[] = [];
    // A step drops what it meets on the way to a waiter that lives, so the first was done by whoever enlisted last.
    await store.release('dead', 'holder', undefined, undefined);
    left.push((await locks.dump('dead')).places.size);
    for (; last?.more === true; left.push((await locks.dump('dead')).places.size)) await store.check('dead', []);
    expect(left.slice(0, -1).every((size, i) => size - (left[i + 1] ?? 0) <= MOST)).toBe(true);
    expect(left.at(-1)).toBe(1);
    expect((await offers()).map(({ fields: [, owner] }) => owner)).toEqual(['alive']);
  });

  it('takes an upgrade for a plain wait where its own hold is over as well, and not removed yet', async () => {
    const shares = (owner: string, leaseMs: number) =>
      store.acquire({ name: 'up', owner, mode: 'shared', leaseMs, waitMs: 0, call: 'c' });
    await many(MOST, (i) => shares(`reader${i}`, 300_000));
    await shares('upgrader', 600_000);
    expect(await acquire(store, 'up', 'upgrader', 'exclusive', 60_000)).toMatchObject({
      kind: 'waiting',
      upgrade: true,
    });
    await locks.messages();
    await locks.advance('up', 600_001);
    await store.check('up', []);
    // The step had room for the others only.
    expect(last).toMatchObject({ more: true, expired: MOST + 1 });
    expect((await offers()).map(({ fields: [, owner] }) => owner)).toEqual(['upgrader']);
    const words = (await locks.dump('up')).holds.get('upgrader')?.words;
    expect([words?.[0], ...(words?.slice(4, 5) ?? []), ...(words?.slice(6) ?? [])]).toEqual(['x', '0', '-', '-', '-']);
  });

  it('takes no more of Redis for a call where thousands wait than where ten do', async () => {
    const [few, thousands] = [10, 8000];
    const calls = 100;
    const all = (one: (i: number) => Promise<unknown>) => many(calls, one);
    const ask = (name: string, owner: string) => acquire(store, name, owner, 'exclusive', 60_000);
    const holders = new Map<string, string>();
    for (const count of [few, thousands]) {
      await acquire(store, `wait ${count}`, 'holder', 'exclusive', 0);
      await many(count, (i) => ask(`wait ${count}`, `owner${i}`));
      holders.set(`wait ${count}`, 'holder');
    }
    await locks.messages();
    /** Releases, and confirmations of the offers; somebody comes for each who goes. */
    const handOvers = async (name: string, round: number) => {
      for (let i = 0; i < calls; i += 1) {
        await store.release(name, holders.get(name) ?? '', undefined, undefined);
        const [offer] = await offers();
        const [, owner = '', token] = offer?.fields ?? [];
        await store.confirm(name, owner, Number(token), 600_000, `taken${round}-${i}`);
        await ask(name, `next${round}-${i}`);
        holders.set(name, owner);
      }
    };
    const kinds = {
      'arrivals and departures': async (name: string, round: number) => {
        await all((i) => ask(name, `late${round}-${i}`));
        await all((i) => store.leave(name, `late${round}-${i}`));
      },
      renewals: (name: string) => all(() => store.renew(name, holders.get(name) ?? '', undefined, 'c')),
      'hand-overs': handOvers,
    };
    for (const [kind, calling] of Object.entries(kinds)) {
      const cost = await costOfCalls({
        alone: { redis, run: (round) => calling(`wait ${few}`, round) },
        crowded: { redis, run: (round) => calling(`wait ${thousands}`, round) },
      });
      console.log(
        `${kind}: ${cost.least.alone.toFixed(1)} us each where ${few} wait, ${cost.least.crowded.toFixed(1)} us where ${thousands} do`,
      );
      // Beside a logarithm: 800 times as many wait.
      expect(cost.ratio('crowded', 'alone'), kind).toBeLessThan(1.5);
    }
  }, 60_000);

  it('forces holders free in parts, and spares whoever was granted it since', async () => {
    await many(5, (i) => acquire(store, 'force', `holder${i}`, 'shared', 0));
    const most = 2;
    const part = async (bound: number | undefined) => {
      const context = ['3 1:living', 2000, locks.channel, 'living', 'living', 1];
      const args = [JSON.stringify(context), 0, most, bound ?? ''];
      const [, ended, token, left] = await locks.run(scripts.force.script, [locks.keys.of('force')], args);
      return { ended: Number(ended), bound: Number(token), left: left === 1 };
    };
    const first = await part(undefined);
    expect(first).toMatchObject({ ended: most, left: true });
    expect(await acquire(store, 'force', 'later', 'shared', 0)).toMatchObject({ kind: 'granted', how: 'new' });
    let { ended } = first;
    for (let left = true; left;) {
      const next = await part(first.bound);
      ended += next.ended;
      ({ left } = next);
    }
    expect(ended).toBe(5);
    expect((await store.inspect('force')).holders).toMatchObject([{ owner: 'later' }]);
  });

  it('keeps a lock with one holder in one record, and again when others have come and gone', async () => {
    const keys = async () => [...(await locks.dump('sole')).lives.keys()];
    for (let round = 0; round < 2; round += 1) {
      await acquire(store, 'sole', 'a', 'exclusive', 0);
      expect(await keys()).toEqual(['lock']);
      await store.renew('sole', 'a', 1000, 'c');
      await acquire(store, 'sole', 'a', 'shared', 0);
      expect(await keys()).toEqual(['lock']);
      await acquire(store, 'sole', 'b', 'shared', 0);
      await acquire(store, 'sole', 'c', 'exclusive', 1000);
      expect(await keys()).toEqual(['lock', 'holds', 'deadlines', 'queue', 'places']);
      await store.leave('sole', 'c');
      await store.release('sole', 'a', undefined, undefined);
      await store.release('sole', 'b', undefined, undefined);
      expect(await keys()).toEqual(['lock']);
    }
  });

  it('lists what is fresh in its bucket and what is not, each once, in the order of names', async () => {
    const { fresh, names } = locks.keys.ofBucket(locks.bucketOf('listed'));
    const mine = Array.from({ length: 8000 }, (_, i) => `listed ${String(i).padStart(4, '0')}`).filter(
      (name) => locks.bucketOf(name) === locks.bucketOf('listed'),
    );
    const wanted = mine.slice(0, 100);
    await many(wanted.length, (i) => acquire(store, wanted[i] ?? '', i % 2 === 0 ? 'even' : 'odd', 'exclusive', 0));
    expect(await locks.redis.hlen(fresh)).toBeGreaterThan(1);
    expect(await locks.redis.zcard(names)).toBeGreaterThan(1);
    for (const owner of [undefined, 'even', 'odd']) {
      const listed: string[] = [];
      for (let after: string | undefined = '', pages = 0; after !== undefined && pages < 100; pages += 1) {
        const page: NamePage = await locks.listing.page('listed ', owner, after === '' ? undefined : after, 7);
        listed.push(...page.names);
        after = page.next;
      }
      const parity = owner === 'even' ? 0 : 1;
      expect(listed).toEqual(wanted.filter((_, i) => owner === undefined || i % 2 === parity));
    }
  });

  it('keeps each index until the last lock in it is over, whatever the others had before', async () => {
    const { names, owners, due } = locks.keys.ofBucket(locks.bucketOf('kept'));
    // Of a lock that was over, one entry is cleared and another is not yet.
    await locks.redis.zadd(due, (await timeOf(redis)) + 3_600_000, 'oleft');
    await locks.redis.pexpire(due, 3_600_000);
    await store.acquire({ name: 'kept', owner: 'a', mode: 'exclusive', leaseMs: 5000, waitMs: 0, call: 'c' });
    await index(['kept']);
    expect(await store.renew('kept', 'a', 60_000, 'c')).toBe(60_000);
    expect(await locks.redis.pttl(names)).toBeGreaterThan(60_000);
    expect(await locks.redis.pttl(owners)).toBeGreaterThan(60_000);
  });

  it('leaves nothing in a list past its time, clears it a few with each call, and lets the keys of a crowd go', async () => {
    const LEASE_MS = 300;
    const shared = (owner: string, leaseMs: number) =>
      store.acquire({ name: 'crowd', owner, mode: 'shared', leaseMs, waitMs: 0, call: 'c' });
    // Enough to have a bucket in which there are several, and one that stays.
    const names = Array.from({ length: 400 }, (_, i) => `brief ${i}`);
    const bucket = locks.bucketOf('brief 0');
    const mine = names.filter((name) => locks.bucketOf(name) === bucket).slice(0, 6);
    const stays =
      Array.from({ length: 400 }, (_, i) => `stays ${i}`).find((name) => locks.bucketOf(name) === bucket) ?? '';
    expect(mine).toHaveLength(6);
    await acquire(store, stays, 'a', 'exclusive', 0);
    const brief = { owner: 'a', mode: 'exclusive' as const, leaseMs: LEASE_MS, waitMs: 0, call: 'c' };
    await Promise.all(mine.map((name) => store.acquire({ ...brief, name })));
    await index([stays, ...mine]);
    await many(6000, (i) => shared(`holder${i}`, 1000));
    await shared('last', LEASE_MS);
    for (const ttl of (await locks.dump('crowd')).lives.values()) expect(ttl).toBeLessThanOrEqual(1000 + KEEP_MS);

    const listed = async (name: string) => (await locks.listed(name, [])).names;
    expect(await listed(stays)).toEqual([stays]);
    const until = (await locks.dump(mine[0] ?? '')).entry ?? 0;
    await eventually(async () => (await timeOf(redis)) > until - KEEP_MS, { what: 'the leases to end' });
    for (const name of mine) expect(await listed(name)).toEqual([]);
    const entries = () => locks.redis.zcard(locks.keys.ofBucket(bucket).names);
    expect(await entries(), 'they are only not shown').toBe(7);

    await eventually(async () => (await timeOf(redis)) > until, { what: 'the entries to be over', timeoutMs: 10_000 });
    const left: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      await store.renew(stays, 'a', undefined, 'c');
      left.push(await entries());
    }
    // Of each lock there is an entry under its name and one under its owner: four of these twelve with each call.
    expect(left.at(-1)).toBe(1);
    expect(left[0]).toBeGreaterThan(1);
    expect(await locks.redis.zcard(locks.keys.ofBucket(bucket).due)).toBe(2);

    const keys = Object.values(locks.own('crowd'));
    await eventually(async () => (await locks.redis.exists(...keys)) === 0, {
      what: 'the keys of the crowd to go',
      timeoutMs: 1000 + KEEP_MS,
    });
  }, 30_000);
});

/** Redis's clock, ms. */
async function timeOf(redis: TestRedis): Promise<number> {
  const [seconds = 0, micros = 0] = ((await redis.command('time')) as string[]).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}
