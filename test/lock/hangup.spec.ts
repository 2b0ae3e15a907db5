import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster, type TestNode } from '../cluster/index.js';
import { acquire, look, release, type LockAnswer } from './lock.client.js';
import { MessageRelay } from './message.relay.js';
import { bystander, ScriptedLocks } from './scripted.lock.js';

const OFFER_MS = 2000;
/** Far longer than any round: who has to wait for a lease to end fails. */
const LEASE_MS = 30_000;

/** `b` waits on a node of his own for a lock that `a` holds, `c` behind him on another; b hangs up during the hand-off. */
describe('a client that hangs up in the middle of a hand-off', () => {
  let cluster: TestCluster;
  let relay: MessageRelay;
  let locks: ScriptedLocks;
  let node: TestNode;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    relay = await MessageRelay.start(cluster.redis.port);
    node = await cluster.add({ REDIS_URL: relay.url });
    locks = await ScriptedLocks.open(cluster.redis.url, 'sync');
    return async () => {
      locks.close();
      await cluster.stop();
      await relay.stop();
    };
  });

  interface Round {
    readonly name: string;
    readonly cut: () => void;
    readonly b: Promise<LockAnswer | undefined>;
    readonly c: Promise<{ answer: LockAnswer; at: number }>;
    /** Whether Redis has told this of the lock by now. */
    readonly told: (what: 'lock.offer' | 'acquired' | 'released', owner: string) => Promise<boolean>;
  }

  async function setUp(name: string, leaseMs = LEASE_MS): Promise<Round> {
    await locks.store(bystander('ear')).watch(name, 60_000);
    await acquire(cluster.node(1), name, 'a');
    const hangsUp = new AbortController();
    const fields = { waitMs: 20_000, leaseMs };
    const b = acquire(node, name, 'b', fields, { signal: hangsUp.signal }).catch(() => undefined);
    await eventually(async () => (await look(cluster.node(1), name)).waitersCount === 1, { what: 'b to wait' });
    const c = acquire(cluster.node(2), name, 'c', { waitMs: 20_000 }).then((answer) => {
      return { answer, at: performance.now() };
    });
    await eventually(async () => (await look(cluster.node(1), name)).waitersCount === 2, { what: 'c to wait' });
    const heard = new Set<string>();
    return {
      name,
      b,
      c,
      cut: () => {
        hangsUp.abort();
      },
      told: async (what, owner) => {
        for (const {
          kind,
          instance,
          fields: [of, first = '', change, changed = ''],
        } of await locks.messages()) {
          if (of !== name) continue;
          if (kind === 'lock.offer') heard.add(`${kind} ${first}`);
          if (kind === 'lock.event' && instance === 'ear') heard.add(`${change} ${changed}`);
        }
        return heard.has(`${what} ${owner}`);
      },
    };
  }
  const rounds = (stage: string, count: number) => Array.from({ length: count }, (_, i) => `${stage} ${i}`);

  /** Ends a round whose client was never answered: c has the lock, and b does not. */
  async function goesOn({ name, b, c }: Round, since: number, withinMs: number): Promise<void> {
    expect(await b).toBeUndefined();
    const { answer, at } = await c;
    expect(answer).toMatchObject({ ok: true });
    expect(at - since).toBeLessThan(withinMs);
    expect((await look(cluster.node(1), name)).holders).toMatchObject([{ owner: 'c', token: answer.token }]);
    await release(cluster.node(2), name, 'c');
  }

  it.each(rounds('before the offer', 6))('%s', async (name) => {
    const round = await setUp(name);
    const since = performance.now();
    round.cut();
    await release(cluster.node(1), name, 'a');
    await goesOn(round, since, OFFER_MS);
  });

  it.each(rounds('between the offer and its confirmation', 6))('%s', async (name) => {
    const round = await setUp(name);
    // It can neither confirm nor notice the end of the connection before it goes on; then it meets both at once.
    node.pause();
    const since = performance.now();
    await release(cluster.node(1), name, 'a');
    expect(await round.told('lock.offer', 'b')).toBe(true);
    round.cut();
    expect(await round.told('acquired', 'b')).toBe(false);
    node.resume();
    await goesOn(round, since, OFFER_MS + 500);
  });

  it.each(rounds('between the confirmation and the answer', 6))('%s', async (name) => {
    const round = await setUp(name);
    relay.holdAnswers();
    const since = performance.now();
    await release(cluster.node(1), name, 'a');
    await eventually(() => round.told('acquired', 'b'), { what: 'the confirmation', everyMs: 2 });
    round.cut();
    // The node has noticed by the time it has answered somebody who came later.
    for (let i = 0; i < 3; i += 1) await node.get('/health/live');
    relay.letAnswersGo();
    await goesOn(round, since, OFFER_MS);
    expect(await round.told('released', 'b')).toBe(true);
  });

  it('at any time, and never lets two have it at once', async () => {
    const BRIEF_MS = 500;
    const answered: boolean[] = [];
    for (let i = 0; i < 20; i += 1) {
      const round = await setUp(`any time ${i}`, BRIEF_MS);
      let next: number | undefined;
      const behind = round.c.then(({ answer, at }) => {
        next = at;
        return answer;
      });
      const since = performance.now();
      const releasing = release(cluster.node(1), round.name, 'a');
      // Early in some rounds, late in others: the time is what is tried, and no check depends on it.
      await new Promise((resolve) => setTimeout(resolve, i));
      round.cut();
      await releasing;
      const answer = await round.b;
      answered.push(answer !== undefined);
      if (answer) {
        expect(next, 'nobody beside b').toBeUndefined();
        await release(cluster.node(1), round.name, 'b');
      }
      expect((await behind).token).toBeGreaterThan(answer?.token ?? 0);
      // An answer that was on its way counts as told, whether or not the client still read it: then the lease ends it.
      expect((next ?? Infinity) - since).toBeLessThan(BRIEF_MS + OFFER_MS);
      await release(cluster.node(2), round.name, 'c');
    }
    expect(new Set(answered), 'some came early enough and some late').toEqual(new Set([true, false]));
  }, 60_000);
});
