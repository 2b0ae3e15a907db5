import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LockStore } from '../../libs/lock/lock.store.js';
import type { LockMode } from '#lib/lock';
import { startRedis, type TestRedis } from '../cluster/index.js';
import { LockModel, type ModelAnswer, type ModelCaller, type ModelSnapshot } from './lock.model.js';
import { ScriptedLocks } from './scripted.lock.js';

const OFFER_MS = 2000;
const MAX_WAITERS = 2;
const OWNERS = ['a', 'b', 'c:{}', 'd'];
const INSTANCES = ['i1', 'i2', 'i3'];
const SEED = Number(process.env['SEED'] ?? 20_260_801);
const RUNS = Number(process.env['RUNS'] ?? 400);

/** Some more often than others, so that what takes two calls of one owner, or two of the same two, comes about. */
const owner = fc.constantFrom(...OWNERS, 'a', 'a', 'b');
const instance = fc.constantFrom(...INSTANCES);
const mode = fc.constantFrom<LockMode>('exclusive', 'shared');
const lease = fc.constantFrom(100, 900, 5000, 20_000);
const at = { instance, owner };

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      ...at,
      mode,
      lease,
      wait: fc.constantFrom(0, 3000, 60_000),
      limit: fc.constantFrom(0, 1, 2),
      partly: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('enlist again' as const), ...at, lease }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('confirm offer' as const),
      ...at,
      lease,
      part: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('confirm own' as const), ...at, lease }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), ...at, lease, take: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undelivered' as const), ...at }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      ...at,
      mode: fc.constantFrom<LockMode | undefined>(undefined, undefined, 'shared', 'exclusive'),
      token: fc.constantFrom('none', 'none', 'own', 'old'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('renew' as const), ...at, lease: fc.constantFrom(0, 100, 20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('extend' as const), ...at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('check' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('force' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), ...at, current: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 150, 1000, 2500, 30_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set back' as const), ms: fc.constantFrom(1, 1000, 20_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('new epoch' as const), instance }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('learn' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold back' as const), holds: fc.boolean() }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** One process, as far as the scripts are concerned. */
interface Process {
  epoch: number;
  /** What it knows of the others, which may be old. */
  snapshot: ModelSnapshot;
  store: LockStore;
  /** When, in lock time, its timer for the lock fires. */
  timer: number | undefined;
}

/** Runs actions against the scripts and the model side by side, and compares all that can be seen. */
class Duel {
  readonly model = new LockModel(OFFER_MS, MAX_WAITERS);
  readonly #processes = new Map<string, Process>();
  readonly #living = new Map<number, string>();
  /** Real tokens by the model's numbers. */
  readonly #tokens = new Map<number, number>();
  readonly #calls = new Map<string, string>();
  readonly #places = new Map<string, { ticket: number; upgrade: boolean; mode: LockMode; limit: number }>();
  #counter = 0;
  #call = 0;
  #holdsBack = false;
  #wake: number | undefined;
  #time = 0;

  constructor(
    private readonly locks: ScriptedLocks,
    private readonly name: string,
  ) {
    for (const id of INSTANCES) this.#join(id);
    for (const process of this.#processes.values()) process.snapshot = this.#snapshot();
  }

  async run(action: Action): Promise<void> {
    const { model, name } = this;
    switch (action.do) {
      case 'pass':
        await this.locks.advance(name, action.ms);
        return;
      case 'set back':
        // To the lock it is the same whether Redis's clock is set back or the offset to it.
        await this.locks.advance(name, -action.ms);
        return;
      case 'die':
        for (const [epoch, id] of this.#living) if (id === action.instance) this.#living.delete(epoch);
        return;
      case 'new epoch':
        for (const [epoch, id] of this.#living) if (id === action.instance) this.#living.delete(epoch);
        this.#process(action.instance).epoch = this.#newEpoch(action.instance);
        return;
      case 'learn':
        this.#process(action.instance).snapshot = this.#snapshot();
        return;
      case 'hold back':
        this.#holdsBack = action.holds;
        return;
      case 'acquire': {
        const { owner, mode, lease, wait, partly } = action;
        const limit = mode === 'shared' ? action.limit : 0;
        const call = this.#newCall(owner);
        const request = { name, owner, mode, leaseMs: lease, waitMs: partly ? 0 : wait, limit, call, partly };
        const ask = { mode, lease, wait: partly ? 0 : wait, limit, call, partly };
        // Without permission to grant, only places that are enlisted again may be asked for.
        if (this.#holdsBack) return;
        await this.#both(
          action.instance,
          (store) => store.acquire(request),
          (who, real) => model.acquire(who, owner, ask, undefined, () => (real.kind === 'waiting' ? real.ticket : 0)),
        );
        const place = model.places.get(owner);
        if (place)
          this.#places.set(owner, {
            ticket: place.ticket,
            upgrade: place.upgrade,
            mode: place.mode,
            limit: place.limit,
          });
        return;
      }
      case 'enlist again': {
        const { owner, lease } = action;
        const again = this.#places.get(owner);
        if (!again) return;
        const { mode, limit } = again;
        const call = this.#newCall(owner);
        const ask = { mode, lease, wait: 5000, limit, call, partly: false };
        await this.#both(
          action.instance,
          (store) => store.acquire({ name, owner, mode, leaseMs: lease, waitMs: 5000, limit, call, again }),
          (who) => model.acquire(who, owner, ask, again, () => again.ticket),
        );
        return;
      }
      case 'confirm offer': {
        const { owner, lease, part } = action;
        const token = model.holds.get(owner)?.token;
        if (token === undefined) return;
        const call = this.#newCall(owner);
        await this.#both(
          action.instance,
          (store) => confirmed(store.confirm(name, owner, this.#real(token), lease, call, part), 'gone'),
          (who) => model.confirm(who, owner, token, lease, call, part),
        );
        return;
      }
      case 'confirm own': {
        const { owner, lease } = action;
        const call = this.#calls.get(owner) ?? 'none';
        await this.#both(
          action.instance,
          (store) => confirmed(store.confirm(name, owner, undefined, lease, call), 'gone'),
          (who) => model.confirm(who, owner, undefined, lease, call, false),
        );
        return;
      }
      case 'leave': {
        const { owner, lease } = action;
        const take = action.take ? { lease, call: this.#newCall(owner) } : undefined;
        await this.#both(
          action.instance,
          (store) => confirmed(store.leave(name, owner, take && { leaseMs: lease, call: take.call }), 'left'),
          (who) => model.leave(who, owner, take),
        );
        return;
      }
      case 'undelivered': {
        const call = this.#calls.get(action.owner) ?? 'none';
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'flag', value: await store.undelivered(name, action.owner, call) }),
          (who) => model.undelivered(who, action.owner, call),
        );
        return;
      }
      case 'release': {
        const hold = model.holds.get(action.owner);
        const token = action.token === 'own' ? hold?.token : action.token === 'old' ? 1 : undefined;
        const real = token === undefined ? undefined : this.#tokens.get(token);
        await this.#both(
          action.instance,
          async (store) => ({ kind: (await store.release(name, action.owner, action.mode, real)).code }),
          (who) => model.release(who, action.owner, action.mode, real === undefined ? undefined : token),
        );
        return;
      }
      case 'renew': {
        const call = this.#newCall(action.owner);
        const { owner, lease } = action;
        await this.#both(
          action.instance,
          async (store) => ({
            kind: 'lease',
            value: await store.renew(name, owner, lease === 0 ? undefined : lease, call),
          }),
          (who) => model.renew(who, owner, lease, call),
        );
        return;
      }
      case 'extend': {
        const call = this.#calls.get(action.owner) ?? 'none';
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'flag', value: await store.extend(name, action.owner, call) }),
          (who) => model.extend(who, action.owner, call),
        );
        return;
      }
      case 'force':
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'ended', ended: (await store.force(name, '')).ended }),
          (who) => model.force(who),
        );
        return;
      case 'refuse': {
        const ticket = (model.places.get(action.owner)?.ticket ?? 1) - (action.current ? 0 : 1);
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'flag', value: await store.refuse(name, action.owner, ticket, []) }),
          (who) => model.refuse(who, action.owner, ticket),
        );
        return;
      }
      case 'check':
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'states', states: await store.check(name, OWNERS) }),
          (who) => model.check(who, OWNERS),
        );
    }
  }

  async #both(
    id: string,
    onRedis: (store: LockStore) => Promise<ModelAnswer>,
    onModel: (who: ModelCaller, real: ModelAnswer) => ModelAnswer,
  ): Promise<void> {
    const { model, locks } = this;
    const process = this.#process(id);
    const { epoch, snapshot } = process;
    if (process.timer !== undefined && process.timer <= model.now) process.timer = undefined;
    this.#wake = undefined;
    const real = await onRedis(process.store);
    const [dump, messages] = await Promise.all([locks.dump(this.name), locks.messages()]);

    expect(dump.now, 'lock time never goes back').toBeGreaterThanOrEqual(model.now);
    expect(dump.now - this.#time).toBe(dump.offset);
    model.now = dump.now;
    model.offers = [];
    const who = { instance: id, epoch, snapshot, grants: !this.#holdsBack };
    const expected = onModel(who, real);

    this.#learnTokens(dump.holds);
    expect(real).toEqual(this.#translate(expected));
    expect(readHolds(dump.holds)).toEqual(
      new Map([...model.holds].map(([owner, hold]) => [owner, this.#describeHold(hold)])),
    );
    expect(readPlaces(dump.places)).toEqual(
      new Map([...model.places].map(([owner, place]) => [owner, describePlace(place)])),
    );
    const offers = messages.filter(({ kind }) => kind === 'lock.offer');
    expect(offers.map(({ instance, fields }) => [instance, ...fields.slice(1)])).toEqual(
      model.offers.map(({ instance, owner, token }) => [instance, owner, String(this.#real(token))]),
    );
    expect(model.violations(who)).toEqual([]);

    this.#arm(id, this.#wake);
    for (const { instance, kind, fields } of messages) if (kind === 'lock.wake') this.#arm(instance, Number(fields[1]));
    const wake = model.wake();
    if (!wake) return;
    for (const instance of wake.instances) {
      expect(this.#process(instance).timer, `a timer of ${instance} for the head`).toBeLessThanOrEqual(wake.at);
    }
  }

  #arm(id: string, ms: number | undefined): void {
    if (ms === undefined) return;
    const process = this.#process(id);
    process.timer = Math.min(process.timer ?? Infinity, this.model.now + ms);
  }

  #learnTokens(holds: Map<string, { words: string[] }>): void {
    const fresh = [...this.model.holds].filter(([, { token }]) => !this.#tokens.has(token));
    for (const [owner, { token }] of fresh.sort(([, a], [, b]) => a.token - b.token)) {
      const real = Number(holds.get(owner)?.words[1]);
      expect(real, 'tokens grow').toBeGreaterThan(Math.max(0, ...this.#tokens.values()));
      this.#tokens.set(token, real);
    }
  }

  #real(token: number): number {
    return this.#tokens.get(token) ?? -1;
  }

  #translate(answer: ModelAnswer): unknown {
    if (answer.kind === 'granted' || answer.kind === 'offered') return { ...answer, token: this.#real(answer.token) };
    if (answer.kind !== 'states') return answer;
    return { ...answer, states: answer.states.map((state) => (typeof state === 'number' ? this.#real(state) : state)) };
  }

  #describeHold({
    mode,
    token,
    lease,
    call,
    confirmed,
    deadline,
    was,
  }: LockModel['holds'] extends Map<string, infer H> ? H : never) {
    const before = was ? { ...was, token: this.#real(was.token) } : undefined;
    return { mode, token: this.#real(token), lease, call, confirmed, deadline, score: deadline, was: before };
  }

  #process(id: string): Process {
    const process = this.#processes.get(id);
    if (!process) throw new Error(`no process ${id}`);
    return process;
  }

  #join(id: string): void {
    const epoch = this.#newEpoch(id);
    const process = { epoch, snapshot: this.#snapshot(), timer: undefined } as Omit<Process, 'store'>;
    const store = this.locks.store(
      {
        instance: id,
        nodeId: `node-${id}`,
        epoch: () => this.#process(id).epoch,
        snapshot: () => textOf(this.#process(id).snapshot),
        floor: () => 0,
        grants: () => !this.#holdsBack,
      },
      ({ wakeMs, more, time }) => {
        this.#wake = wakeMs;
        this.#time = time;
        expect(more).toBe(false);
      },
      { LOCK_OFFER_MS: OFFER_MS, LOCK_MAX_WAITERS: MAX_WAITERS },
    );
    this.#processes.set(id, Object.assign(process, { store }));
  }

  #newEpoch(id: string): number {
    this.#counter += 1;
    this.#living.set(this.#counter, id);
    return this.#counter;
  }

  #snapshot(): ModelSnapshot {
    return { counter: this.#counter, living: new Map(this.#living) };
  }

  #newCall(owner: string): string {
    this.#call += 1;
    const call = `call${this.#call}`;
    this.#calls.set(owner, call);
    return call;
  }
}

function textOf({ counter, living }: ModelSnapshot): string {
  return [counter, ...[...living].map(([epoch, id]) => `${epoch}:${id}`)].join(' ');
}

async function confirmed(
  result: Promise<{ kind: 'granted'; token: number; how: string } | undefined>,
  otherwise: 'gone' | 'left',
): Promise<ModelAnswer> {
  return (await result) ?? { kind: otherwise };
}

const modeOf = (code: string | undefined) => (code === 'x' ? 'exclusive' : 'shared');

function readHolds(holds: Map<string, { words: string[]; score: number | undefined }>) {
  return new Map(
    [...holds].map(([owner, { words, score }]) => {
      const [code, token, lease, call, sure, deadline, was, until, before] = words;
      return [
        owner,
        {
          mode: modeOf(code),
          token: Number(token),
          lease: Number(lease),
          call,
          confirmed: sure === '1',
          deadline: Number(deadline),
          score,
          was: was === '-' ? undefined : { token: Number(was), deadline: Number(until), lease: Number(before) },
        },
      ];
    }),
  );
}

const STATES: Record<string, string> = { q: 'queued', o: 'offered', c: 'confirmed' };

function readPlaces(places: Map<string, { words: string[]; score: number | undefined }>) {
  return new Map(
    [...places].map(([owner, { words, score }]) => {
      const [code, limit, ticket, state = '', upgrade, , ...instances] = words;
      return [
        owner,
        {
          mode: modeOf(code),
          limit: Number(limit),
          ticket: Number(ticket),
          state: STATES[state],
          upgrade: upgrade === '1',
          instances: instances.map((text) => text.split(':')).map(([id, epoch, till]) => `${id} ${epoch} ${till}`),
          queued: score !== undefined,
        },
      ];
    }),
  );
}

function describePlace(place: LockModel['places'] extends Map<string, infer P> ? P : never) {
  const instances = [...place.instances].map(([id, { epoch, till }]) => `${id} ${epoch} ${till}`);
  return { ...place, instances, queued: place.state === 'queued' };
}

describe('the scripts of a lock', () => {
  let redis: TestRedis;
  let locks: ScriptedLocks;
  beforeAll(async () => {
    redis = await startRedis();
    locks = await ScriptedLocks.open(redis.url, 'model');
  });
  afterAll(async () => {
    locks.close();
    await redis.stop();
  });

  it(
    'answer and change the lock as the model does, whatever happens in whatever order',
    { timeout: 3_600_000 },
    async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 60, size: 'max' }), async (actions) => {
          run += 1;
          const duel = new Duel(locks, `lock ${run}`);
          for (const one of actions) await duel.run(one);
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: false },
      );
    },
  );
});
