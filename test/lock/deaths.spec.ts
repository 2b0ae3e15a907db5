import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { acquire, look, release } from './lock.client.js';
import { bystander, ScriptedLocks } from './scripted.lock.js';

const OFFER_MS = 2000;

/** A node is killed at a point of a hand-off to `b`, who waits there; `c` waits behind him on another. */
describe('a node that dies in the middle of a hand-off', () => {
  let cluster: TestCluster;
  let locks: ScriptedLocks;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    locks = await ScriptedLocks.open(cluster.redis.url, 'sync');
    return async () => {
      locks.close();
      await cluster.stop();
    };
  });

  async function setUp(name: string, leaseMs: number) {
    const doomed = await cluster.add();
    await acquire(cluster.node(1), name, 'a');
    const b = acquire(doomed, name, 'b', { waitMs: 20_000, leaseMs }).catch(() => 'cut');
    await eventually(async () => (await look(cluster.node(1), name)).waitersCount === 1, { what: 'b to wait' });
    const c = acquire(cluster.node(2), name, 'c', { waitMs: 20_000 }).then((answer) => ({
      answer,
      at: performance.now(),
    }));
    await eventually(async () => (await look(cluster.node(1), name)).waitersCount === 2, { what: 'c to wait' });
    return { doomed, b, c };
  }

  it('before the offer', async () => {
    const { doomed, b, c } = await setUp('before', 30_000);
    await doomed.kill();
    const since = performance.now();
    await release(cluster.node(1), 'before', 'a');
    expect(await b).toBe('cut');
    const { answer, at } = await c;
    expect(answer).toMatchObject({ ok: true });
    expect(at - since).toBeLessThan(OFFER_MS + 200);
    expect((await look(cluster.node(1), 'before')).holders).toMatchObject([{ owner: 'c', token: answer.token }]);
  }, 30_000);

  it('between the offer and its confirmation', async () => {
    const { doomed, b, c } = await setUp('offered', 30_000);
    doomed.pause();
    const since = performance.now();
    await release(cluster.node(1), 'offered', 'a');
    expect((await locks.dump('offered')).holds.get('b')?.words[4]).toBe('0');
    await doomed.kill();
    expect(await b).toBe('cut');
    const { answer, at } = await c;
    expect(answer).toMatchObject({ ok: true });
    expect(at - since).toBeLessThan(OFFER_MS + 200);
  }, 30_000);

  it('between the confirmation and the answer', async () => {
    const leaseMs = 1500;
    const ear = new Redis(cluster.redis.url);
    await ear.subscribe('sync:channel:ear');
    const store = locks.store(bystander('ear'));
    const handOver = async (name: string) => {
      const { doomed, b, c } = await setUp(name, leaseMs);
      // A listener of our own hears of the confirmation no later than the node does.
      await store.watch(name, 60_000);
      const heard = new Promise<number>((resolve) => {
        ear.on('message', (_channel, text) => {
          if (text.includes(name) && text.includes('"acquired","b"')) resolve(performance.now());
        });
      });
      const since = performance.now();
      doomed.pause();
      await release(cluster.node(1), name, 'a');
      // It goes on in the very moment in which everything it will ever do is the confirmation.
      doomed.resume();
      return { doomed, b, c, heard, pausedMs: performance.now() - since };
    };
    let handedOver = await handOver('confirmed 1');
    // Where the disk stood still for as long as a lease stands, the node is given up before it can confirm anything.
    for (let i = 2; handedOver.pausedMs > 900; i += 1) {
      handedOver.c.catch(() => undefined);
      await handedOver.doomed.kill();
      handedOver = await handOver(`confirmed ${i}`);
    }
    const { doomed, b, c, heard } = handedOver;
    const early = c.then(({ answer }) => {
      throw new Error(`c was answered before b had it: ${JSON.stringify(answer)}`);
    });
    const since = await Promise.race([heard, early]);
    await doomed.kill();
    const told = await b;
    ear.disconnect();
    const { answer, at } = await c;
    expect(answer).toMatchObject({ ok: true });
    // Whether or not b could be told, he has it until his lease ends, and nobody beside him.
    expect(at - since).toBeGreaterThan(leaseMs - 50);
    expect(at - since).toBeLessThan(leaseMs + 500);
    if (typeof told !== 'string') expect(answer.token).toBeGreaterThan(told.token ?? Infinity);
  }, 30_000);

  it("that was only paused for longer than its lease takes its waiters' places again, under their tickets", async () => {
    const { doomed, b, c } = await setUp('paused', 30_000);
    const owners = async () => (await look(cluster.node(1), 'paused')).waiters.map(({ owner }) => owner).join();
    doomed.pause();
    await eventually(async () => [...(await locks.dump('paused')).places.keys()].join() === 'c', {
      what: 'the place to be dropped',
      timeoutMs: 10_000,
    });
    doomed.resume();
    await eventually(async () => (await owners()) === 'b,c', { what: 'the place to be taken again' });
    await release(cluster.node(1), 'paused', 'a');
    const told = await b;
    if (typeof told === 'string') throw new Error('b was cut off');
    expect(told).toMatchObject({ ok: true });
    await release(cluster.node(1), 'paused', 'b');
    expect((await c).answer.token).toBeGreaterThan(told.token ?? Infinity);
    await doomed.kill();
  }, 30_000);
});
