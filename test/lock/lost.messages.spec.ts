import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster, type TestNode } from '../cluster/index.js';
import { acquire, look, release, watch } from './lock.client.js';
import { MessageRelay } from './message.relay.js';

describe('a node that misses every message', () => {
  let cluster: TestCluster;
  let relay: MessageRelay;
  let hearing: TestNode;
  let deaf: TestNode;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1 });
    relay = await MessageRelay.start(cluster.redis.port);
    hearing = cluster.node(1);
    deaf = await cluster.add({ REDIS_URL: relay.url });
  });
  afterAll(async () => {
    await cluster.stop();
    await relay.stop();
  });
  beforeEach(async () => {
    // A node that heard nothing subscribes anew, and what is told meanwhile is told to nobody, not lost: wait for its own tick.
    const { passed } = relay;
    await eventually(() => relay.passed > passed, { what: 'the node to hear again' });
  });
  const waits = async (name: string, count: number) => {
    await eventually(async () => (await look(hearing, name)).waitersCount === count, { what: `${count} waiters` });
  };

  it('still has its waiters served, in their order with those of others', async () => {
    await acquire(hearing, 'r', 'holder');
    const granted: string[] = [];
    const waiting = ['a', 'b', 'c', 'd', 'e', 'f'].map(async (owner, i) => {
      await waits('r', i);
      const { ok } = await acquire(i % 2 ? hearing : deaf, 'r', owner, { waitMs: 30_000 });
      granted.push(owner);
      if (owner === 'd') relay.loses = false;
      await release(hearing, 'r', owner);
      return ok;
    });
    await waits('r', 6);
    relay.loses = true;
    const since = performance.now();
    await release(hearing, 'r', 'holder');
    expect(await Promise.all(waiting)).toEqual([true, true, true, true, true, true]);
    expect(granted).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    // A node that hears nothing subscribes anew: the second of its offers is lost, or told while nobody listens.
    expect(relay.lost.filter((message) => message.includes('"lock.offer"'))).not.toHaveLength(0);
    // None of the offers lapsed: that would have taken two seconds each. The last was heard of at once.
    expect(performance.now() - since).toBeLessThan(2 * 1400);
  }, 30_000);

  it('succeeds a holder whose time ends while it does not know that its waiter is the next', async () => {
    await acquire(hearing, 's', 'holder', { leaseMs: 1500 });
    const hangsUp = new AbortController();
    const first = acquire(hearing, 's', 'first', { waitMs: 20_000 }, { signal: hangsUp.signal }).catch(() => 'cut');
    await waits('s', 1);
    const second = acquire(deaf, 's', 'second', { waitMs: 20_000 });
    await waits('s', 2);
    relay.loses = true;
    hangsUp.abort();
    expect(await first).toBe('cut');
    await waits('s', 1);
    const since = performance.now();
    expect(await second).toMatchObject({ ok: true });
    expect(relay.lost.some((message) => message.includes('"lock.wake"'))).toBe(true);
    expect(performance.now() - since).toBeLessThan(1500 + 1400);
    relay.loses = false;
  }, 30_000);

  it('tells those who watch the state again, when it is back and when it notices that it missed something', async () => {
    const events = await watch(deaf, 't');
    await eventually(() => events.length === 1, { what: 'the state' });
    relay.loses = true;
    await acquire(hearing, 't', 'a');
    await eventually(() => relay.lost.some((message) => message.includes('"acquired","a"')), { what: 'the loss' });
    expect(events).toHaveLength(1);
    // All that hear of messages are cut off and come back; what was said before that is not said again.
    await cluster.redis.command('client', 'kill', 'type', 'pubsub');
    await eventually(() => events.length === 2, { what: 'the state again' });
    expect(events[1]).toMatchObject({ kind: 'state', data: { lock: { holders: [{ owner: 'a' }] } } });
    await release(hearing, 't', 'a');
    await eventually(() => relay.lost.some((message) => message.includes('"released","a"')), { what: 'the loss' });
    expect(events).toHaveLength(2);
    relay.loses = false;
    await acquire(hearing, 't', 'b');
    await eventually(() => events.length === 3, { what: 'the state instead of what follows a gap' });
    expect(events[2]).toMatchObject({ kind: 'state', data: { lock: { holders: [{ owner: 'b' }] } } });
    await release(hearing, 't', 'b');
    await eventually(() => events.length === 4, { what: 'the next change' });
    expect(events[3]).toMatchObject({ kind: 'released', data: { owner: 'b' } });
    expect(events[3]?.data.seq).toBe((events[2]?.data.seq ?? 0) + 1);
  }, 30_000);
});
