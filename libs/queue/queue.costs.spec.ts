import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { deliveriesOf, startInProcess, type InProcessNode } from './queue.fixture.js';

describe('what calls cost', () => {
  let redis: TestRedis;
  let node: InProcessNode;
  let observer: Redis;
  const queue = 'costs';

  beforeAll(async () => {
    redis = await startRedis();
    node = await startInProcess(redis.url);
    observer = new Redis(redis.url);
    // A library goes to a Redis once, at its first use.
    await node.queues.push({ queue, payload: 0 });
    const [taken] = deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count: 1 }));
    const receipt = taken?.receipt ?? '';
    await node.queues.extend({ queue, receipt, visibilityMs: 1000 });
    await node.queues.nack({ queue, receipt });
    await node.queues.ack({ queue, receipt });
    await node.queues.pop({ queue });
    await node.admin.stats(queue);
    await node.admin.peek(queue);
    // That of the sweep is brought by the node itself, when a delivery has run out: not while a call is being counted.
    let swept = false;
    node.redis.commands.on('answered', (script) => (swept ||= script === 'sweep'));
    await node.queues.push({ queue, payload: 0 });
    await node.queues.pop({ queue, ack: 'manual', visibilityMs: 100 });
    await eventually(() => swept, { what: 'a delivery that ran out to be swept' });
    await node.queues.pop({ queue });
  });
  afterAll(async () => {
    observer.disconnect();
    await node.stop();
    await redis.stop();
  });

  /** What the services' connection sends while a call runs, as Redis sees it: scripts and all else, each a round trip. */
  const sentBy = async (call: () => Promise<unknown>) => {
    const address = /addr=(\S+) .*name=sync:\S+:commands/.exec(String(await observer.client('LIST')))?.[1] ?? '';
    const monitor = await listen();
    const commands: string[][] = [];
    monitor.on('monitor', (_time: string, command: string[], source: string) => {
      if (source === address) commands.push(command);
    });
    // The node's own look at deliveries that run out, and what it finds, are not the call's.
    const isTheCalls = ([name = '', script = '', , key = '']: string[]) =>
      !/^fcall/i.test(name) || !(key.includes(':deliveries:') || script.includes('_sweep_'));
    await call();
    await pause(50);
    monitor.disconnect();
    return commands.filter(isTheCalls).length;
  };
  async function listen(): Promise<Redis> {
    const monitor = observer.duplicate({ monitor: true });
    // A line that comes together with the OK is taken by ioredis for an answer to nothing.
    monitor.on('error', () => undefined);
    await new Promise((resolve) => monitor.once('monitoring', resolve));
    return monitor;
  }
  const fcalls = async () => Number(/cmdstat_fcall:calls=(\d+)/.exec(await observer.info('commandstats'))?.[1] ?? 0);
  const messages = (count: number) => Array.from({ length: count }, (_, payload) => ({ payload }));
  const take = async (count = 1) =>
    deliveriesOf(await node.queues.pop({ queue, ack: 'manual', count })).map(({ receipt }) => receipt);

  it.each([
    ['push', async () => await node.queues.push({ queue, payload: 1 })],
    [
      'push with everything',
      async () =>
        await node.queues.push({ queue, payload: 1, priority: 5, dedupId: 'x', ttlMs: 60_000, requestId: 'r' }),
    ],
    ['push-many of 1000', async () => await node.queues.pushMany({ queue, messages: messages(1000) })],
    ['pop without receipt', async () => await node.queues.pop({ queue })],
    ['pop with receipt', async () => await node.queues.pop({ queue, ack: 'manual' })],
    ['pop of 100', async () => await node.queues.pop({ queue, count: 100 })],
    ['pop of 100 with receipts', async () => await node.queues.pop({ queue, count: 100, ack: 'manual' })],
    ['a waiting pop that finds something', async () => await node.queues.pop({ queue, waitMs: 1000 })],
    ['stats', async () => await node.admin.stats(queue)],
    ['peek', async () => await node.admin.peek(queue)],
  ])('%s: one round trip', async (_, call) => {
    expect(await sentBy(call)).toBe(1);
  });

  it.each([
    ['acknowledge', (receipt: string) => node.queues.ack({ queue, receipt })],
    ['give back', (receipt: string) => node.queues.nack({ queue, receipt })],
    ['extend', (receipt: string) => node.queues.extend({ queue, receipt, visibilityMs: 60_000 })],
  ])('%s: one round trip', async (_, call) => {
    const [receipt = ''] = await take();
    expect(await sentBy(async () => await call(receipt))).toBe(1);
  });

  it('acknowledge 100: one round trip', async () => {
    const receipts = await take(100);
    expect(receipts.length).toBe(100);
    expect(await sentBy(async () => await node.queues.ack({ queue, receipts }))).toBe(1);
  });

  it('is one script per call, by the count of Redis', async () => {
    let lease = 0;
    let sweeps = 0;
    node.redis.lease.on('answered', () => (lease += 1));
    node.redis.commands.on('answered', (script) => (sweeps += script === 'due' || script === 'sweep' ? 1 : 0));
    const before = await fcalls();
    const [leaseBefore, sweepsBefore] = [lease, sweeps];
    for (let i = 0; i < 50; i += 1) {
      await node.queues.push({ queue: 'counted', payload: i });
      const [taken] = deliveriesOf(await node.queues.pop({ queue: 'counted', ack: 'manual', count: 1 }));
      await node.queues.ack({ queue: 'counted', receipt: taken?.receipt ?? '' });
    }
    const others = lease - leaseBefore + (sweeps - sweepsBefore);
    const calls = (await fcalls()) - before - others;
    // What the node does by itself may be under way at either end.
    expect(Math.abs(calls - 150)).toBeLessThanOrEqual(17);
    expect(node.redis.commands.server).toBeDefined();
  });

  it('is one command for eight calls of one turn, which settle their queue once', async () => {
    const together = async () => {
      await Promise.all(
        Array.from({ length: 8 }, async (_, i) => await node.queues.push({ queue: 'joined', payload: i })),
      );
    };
    expect(await sentBy(together)).toBe(1);
    await observer.config('RESETSTAT');
    for (let i = 0; i < 5; i += 1) await together();
    const ranges = Number(/cmdstat_zrangebyscore:calls=(\d+)/.exec(await observer.info('commandstats'))?.[1] ?? 0);
    // Three for each settling; the node's own look at what runs out may come in between.
    expect(ranges).toBeGreaterThanOrEqual(15);
    expect(ranges).toBeLessThan(30);
  });

  it('idle queues cost nothing: no command names them', async () => {
    await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        await node.queues.pushMany({
          queue: `idle ${i}`,
          messages: [{ payload: 1 }, { payload: 2, delayMs: 200 }, { payload: 3 }],
        });
        const receipts = deliveriesOf(await node.queues.pop({ queue: `idle ${i}`, ack: 'manual', count: 1 })).map(
          (one) => one.receipt,
        );
        await node.queues.ack({ queue: `idle ${i}`, receipts });
        await node.queues.pop({ queue: `idle ${i}`, waitMs: 1 });
      }),
    );
    const monitor = await listen();
    const named: string[] = [];
    let seen = 0;
    monitor.on('monitor', (_time: string, command: string[]) => {
      seen += 1;
      if (command.some((part) => part.includes('idle '))) named.push(command.join(' '));
    });
    await eventually(() => seen > 100, { what: 'the node to do what it does by itself' });
    monitor.disconnect();
    expect(named).toEqual([]);
  });

  it('a look at the deliveries of all queues is one script, whatever the number of buckets', async () => {
    let looks = 0;
    let renewals = 0;
    const countLook = (script: string) => (looks += script === 'due' ? 1 : 0);
    const countRenewal = () => (renewals += 1);
    node.redis.commands.on('answered', countLook);
    node.redis.lease.on('answered', countRenewal);
    await eventually(() => looks >= 4 && renewals >= 4, { what: 'some looks and renewals' });
    // Both are done about three times a second; one script per bucket would be 16 times as many looks.
    expect(looks / renewals).toBeLessThan(4);
    node.redis.commands.off('answered', countLook);
    node.redis.lease.off('answered', countRenewal);
  });
});
