import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSettings } from '#lib/config';
import { RedisConnections } from '#lib/redis';
import { eventually, startRedis, type TestRedis } from '../../test/cluster/index.js';
import { FENCE_AFTER_MS } from './lease.js';
import { Membership, type ServerChange } from './membership.service.js';

/** One process's membership, as a node has it, on a Redis that the tests treat badly. */
class Process {
  readonly connections: RedisConnections;
  readonly membership: Membership;
  readonly lost: number[] = [];
  readonly changes: ServerChange[] = [];
  #silent = false;

  constructor(url: string, nodeId: string, prefix: string, env: Record<string, string>) {
    const settings = readSettings({
      NODE_ID: nodeId,
      REDIS_URL: url,
      REDIS_KEY_PREFIX: prefix,
      REDIS_TIMEOUT_MS: '500',
      ...env,
    });
    this.connections = new RedisConnections(settings);
    this.membership = new Membership(settings, this.connections);
    this.membership.holdRenewal(() => this.#silent);
    this.membership.events.on('epochLost', (epoch) => this.lost.push(epoch));
    this.membership.events.on('serverChanged', (change) => this.changes.push(change));
    this.membership.onModuleInit();
  }

  fallSilent(): void {
    this.#silent = true;
  }

  async stands(): Promise<number> {
    return await eventually(() => (this.membership.leaseStands() ? this.membership.epoch : undefined), {
      what: `${this.membership.nodeId} to stand`,
    });
  }

  async stop(): Promise<void> {
    await this.membership.retire();
    await this.connections.close();
  }
}

describe('membership', () => {
  let redis: TestRedis;
  let processes: Process[] = [];
  let run = 0;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.stop()));
    processes = [];
    run += 1;
  });

  const start = (nodeId: string, env: Record<string, string> = {}) => {
    const one = new Process(redis.url, nodeId, `test${run}`, env);
    processes.push(one);
    return one;
  };
  const registry = async () => await processes[0]?.connections.lease.redis.hgetall(`test${run}:{membership}:registry`);

  it('gives every process an epoch of its own, and shows each the others', async () => {
    const [one, two] = [start('node1'), start('node2')];
    const epochs = [await one.stands(), await two.stands()];
    expect(new Set(epochs).size).toBe(2);
    await eventually(() => epochs.every((epoch) => one.membership.snapshot.includes(`${epoch}:`)), {
      what: 'node2 in sight',
    });
    const counter = Number(one.membership.snapshot.split(' ')[0]);
    expect(counter).toBe(Math.max(...epochs));
  });

  it('keeps two processes with one node id apart', async () => {
    const [one, two] = [start('pod'), start('pod')];
    await one.stands();
    await two.stands();
    expect(one.membership.channelName).not.toBe(two.membership.channelName);
    const alive = (await one.membership.members()).filter((member) => member.alive);
    expect(alive.map(({ id }) => id)).toEqual(['pod', 'pod']);
  });

  it('fences a process that falls silent: not before its lease is over, and it takes a new epoch afterwards', async () => {
    const [watcher, silent] = [start('watcher'), start('silent')];
    await watcher.stands();
    const epoch = await silent.stands();
    const field = `i:${epoch}`;
    silent.fallSilent();
    const since = performance.now();
    await eventually(async () => (await registry())?.[field] === undefined, { what: 'the fence', timeoutMs: 10_000 });
    expect(performance.now() - since).toBeGreaterThan(FENCE_AFTER_MS - 300);
    expect(silent.membership.leaseStands()).toBe(false);
    await eventually(() => silent.lost.includes(epoch), { what: 'the silent one to notice' });
    expect(silent.membership.epoch === undefined || silent.membership.epoch > epoch).toBe(true);
  });

  it('notices at its next renewal that others ended its epoch', async () => {
    const one = start('node1');
    const epoch = await one.stands();
    await one.connections.lease.redis.hdel(`test${run}:{membership}:registry`, `i:${epoch}`, `r:${epoch}`);
    await eventually(() => one.lost.includes(epoch), { what: 'the loss' });
    expect(await one.stands()).toBeGreaterThan(epoch);
  });

  it('mends its channel when it no longer hears it, and says that messages may have been missed', async () => {
    const one = start('node1');
    await one.stands();
    let reconnected = 0;
    one.membership.events.on('reconnected', () => (reconnected += 1));
    await one.connections.lease.redis.unsubscribe(one.membership.channelName);
    await eventually(() => reconnected === 1, { what: 'the channel to be mended' });
    const heard: string[] = [];
    one.membership.on('greeting', (...fields) => heard.push(...fields));
    await one.connections.commands.redis.publish(one.membership.channelName, '["greeting","a","b"]');
    await eventually(() => heard.join() === 'a,b', { what: 'a message' });
    expect(reconnected).toBe(1);
  });

  it('shares maxima', async () => {
    const [one, two] = [start('node1'), start('node2')];
    await one.stands();
    await two.stands();
    one.membership.raise('token', 9_007_199_254_740_990);
    two.membership.raise('token', 5);
    await eventually(() => two.membership.maximum('token') === 9_007_199_254_740_990, { what: 'the maximum at node2' });
  });

  it('retires its epoch when it stops, and is remembered as dead', async () => {
    const [one, two] = [start('node1'), start('node2')];
    await one.stands();
    const epoch = await two.stands();
    await two.membership.retire();
    expect((await registry())?.[`i:${epoch}`]).toBeUndefined();
    expect(await one.membership.members()).toMatchObject([
      { id: 'node1', alive: true },
      { id: 'node2', alive: false, epoch },
    ]);
  });

  it('counts the first server that it meets as a change, and its past as lost', async () => {
    const one = start('node1');
    await one.stands();
    expect(one.changes).toMatchObject([{ lost: true }]);
    expect([...(one.changes[0]?.graceOver ?? [])]).toEqual([]);
  });

  it('believes an empty Redis to be new only where it is told so, and so does who comes later', async () => {
    const one = start('node1', { EMPTY_REDIS_IS_NEW: 'true' });
    await one.stands();
    expect(one.changes).toMatchObject([{ lost: false }]);
    const two = start('node2');
    await two.stands();
    expect(two.changes).toMatchObject([{ lost: false }]);
  });

  it('does not take a Redis for new that has a registry', async () => {
    await start('node1').stands();
    await redis.kill();
    await redis.restart({ empty: true });
    await eventually(() => processes[0]?.changes.length === 2, { what: 'the change to be seen' });
    await processes[0]?.stands();
    await processes[0]?.connections.lease.redis.config('SET', 'appendfsync', 'everysec');
    const two = start('node2', { EMPTY_REDIS_IS_NEW: 'true' });
    await two.stands();
    expect(two.changes).toMatchObject([{ lost: true }]);
    await two.connections.lease.redis.config('SET', 'appendfsync', 'always');
  });

  it('after a restart of everything, knows that a Redis that syncs every write has lost nothing', async () => {
    const one = start('node1');
    await one.stands();
    await one.stop();
    await redis.kill();
    await redis.restart();
    const two = start('node2');
    await two.stands();
    expect(two.changes).toMatchObject([{ lost: false }]);
  });

  it('after a restart of everything, does not trust a Redis that was once seen not to sync every write', async () => {
    const one = start('node1');
    await one.stands();
    await one.connections.lease.redis.config('SET', 'appendfsync', 'everysec');
    await one.membership.durability.check();
    await eventually(async () => (await registry())?.['durable'] === undefined, { what: 'the stamp to be taken back' });
    await one.stop();
    await redis.kill();
    await redis.restart();
    const two = start('node2');
    await two.stands();
    expect(two.changes).toMatchObject([{ lost: true }]);
  });

  it('tells a process to come which holds have ended under this very server', async () => {
    const one = start('node1');
    await one.stands();
    await one.membership.markGraceOver('cache');
    const two = start('node2');
    await two.stands();
    expect([...(two.changes[0]?.graceOver ?? [])]).toEqual(['cache']);
  });

  it('after a restart of Redis that kept everything: a new epoch, nothing lost', async () => {
    const one = start('node1');
    const epoch = await one.stands();
    await redis.kill();
    await redis.restart();
    await eventually(() => one.changes.length === 2, { what: 'the change to be seen' });
    expect(one.changes[1]).toMatchObject({ lost: false });
    expect(one.lost).toContain(epoch);
    expect(await one.stands()).toBeGreaterThan(epoch);
  });

  it('after a restart of Redis with empty hands: writes are lost, and epochs still grow', async () => {
    const one = start('node1');
    const epoch = await one.stands();
    await redis.kill();
    await redis.restart({ empty: true });
    await eventually(() => one.changes.length === 2, { what: 'the change to be seen' });
    expect(one.changes[1]).toMatchObject({ lost: true });
    expect(await one.stands()).toBeGreaterThan(epoch);
  });

  it('does not trust a restart of a Redis that did not sync every write', async () => {
    const one = start('node1');
    await one.stands();
    await one.connections.lease.redis.config('SET', 'appendfsync', 'everysec');
    await one.membership.durability.check();
    expect(one.membership.durability.complaints).toHaveLength(1);
    await redis.kill();
    await redis.restart();
    await eventually(() => one.changes.length === 2, { what: 'the change to be seen' });
    expect(one.changes[1]).toMatchObject({ lost: true });
  });
});
