import { expect } from 'vitest';
import type { LockMode } from '#lib/lock';
import type { Confirmed, LockStore, Stepped } from '../../../libs/lock/lock.store.js';
import type { LockDump, ScriptedLocks } from '../scripted.lock.js';
import { INSTANCES, OWNERS, type Action } from './lock.actions.js';
import { LockModel, type ModelAnswer, type ModelCaller } from './lock.model.js';
import {
  describeHolds,
  describeMessages,
  describePlaces,
  latestOf,
  readHolds,
  readMessages,
  readPlaces,
} from './lock.reading.js';
import { nodeOf, type ModelSnapshot } from './lock.state.js';
import { ToldTimers } from './lock.timers.js';
import { LockTraces } from './lock.traces.js';

const OFFER_MS = 2000;
const MAX_WAITERS = 2;

/** One process, as far as the scripts are concerned. */
interface Process {
  epoch: number;
  /** What it knows of the others, which may be old. */
  snapshot: ModelSnapshot;
  store: LockStore;
}

/** A place as a process that waits in it remembers it. */
interface Remembered {
  ticket: number;
  upgrade: boolean;
  mode: LockMode;
  limit: number;
}

/** Runs actions against the scripts and the model side by side, and compares all that can be seen. */
export class LockDuel {
  readonly model = new LockModel(OFFER_MS, MAX_WAITERS);
  readonly #processes = new Map<string, Process>();
  readonly #living = new Map<number, string>();
  /** Real tokens by the model's numbers. */
  readonly #tokens = new Map<number, number>();
  readonly #timers = new ToldTimers(this.model);
  readonly #traces = new LockTraces(this.model);
  readonly #calls = new Map<string, string>();
  readonly #places = new Map<string, Remembered>();
  #counter = 0;
  #call = 0;
  #holdsBack = false;
  /** Number of the event before the first. */
  #seq = 0;
  #floor = 0;
  #lastTicket = 0;
  #offset = 0;
  #stepped: Stepped | undefined;

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
      case 'pass until': {
        const ends = [...model.holds.values()].flatMap(({ deadline, was }) => [
          deadline,
          ...(was ? [was.deadline] : []),
        ]);
        const later = [...ends, ...model.watchers.values()].map((end) => end - action.before);
        const due = later.filter((end) => end > model.now + 50).sort((a, b) => a - b);
        const then = due[action.which % due.length];
        if (then !== undefined) await this.locks.advanceTo(name, then);
        return;
      }
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
      case 'learn token':
        this.#floor = Math.max(this.#floor, ...this.#tokens.values()) + action.ahead;
        return;
      case 'hold back':
        this.#holdsBack = action.holds;
        return;
      case 'lose':
        await this.locks.lose(name, OWNERS);
        model.lose();
        this.#seq = 0;
        this.#offset = 0;
        this.#holdsBack = action.held;
        this.#floor = Math.max(this.#floor, ...this.#tokens.values());
        this.#lastTicket = 0;
        this.#timers.forget();
        this.#traces.lose();
        for (const place of this.#places.values()) place.ticket += action.behind;
        return;
      case 'crowd the bucket':
        await this.locks.crowdBucket(name);
        this.#traces.note(await this.locks.dump(name, OWNERS));
        return;
      case 'acquire': {
        const { owner, mode, lease, wait, partly } = action;
        const limit = mode === 'shared' ? action.limit : 0;
        const call = partly ? this.#callOfMany(owner, action.same) : this.#newCall();
        const ask = { mode, lease, wait, limit, call, partly };
        await this.#both(
          action.instance,
          (store) => store.acquire({ name, owner, mode, leaseMs: lease, waitMs: wait, limit, call, partly }),
          (who, real) => model.acquire(who, owner, ask, undefined, () => this.#newTicket(real)),
        );
        this.#remember(owner);
        return;
      }
      case 'enlist again': {
        const { owner, lease, partly } = action;
        const again = this.#places.get(owner);
        if (!again) return;
        const { mode, limit } = again;
        const call = partly ? this.#callOfMany(owner, true) : this.#newCall();
        const ask = { mode, lease, wait: 5000, limit, call, partly };
        await this.#both(
          action.instance,
          (store) => store.acquire({ name, owner, mode, leaseMs: lease, waitMs: 5000, limit, call, partly, again }),
          (who) => model.acquire(who, owner, ask, again, () => again.ticket),
          ask.wait,
        );
        this.#lastTicket = Math.max(this.#lastTicket, model.places.get(owner)?.ticket ?? 0);
        return;
      }
      case 'confirm offer': {
        const { owner, lease, part } = action;
        const token = (model.holds.get(owner)?.token ?? 0) - (action.token === 'old' ? 1 : 0);
        if (!this.#tokens.has(token)) return;
        const call = part ? this.#callOfMany(owner, true) : this.#newCall();
        await this.#both(
          action.instance,
          (store) => confirmed(store.confirm(name, owner, this.#real(token), lease, call, part), 'gone'),
          (who) => model.confirm(who, owner, token, lease, call, part),
        );
        return;
      }
      case 'confirm own': {
        const { owner, lease } = action;
        const call = this.#callOf(owner, action.call);
        await this.#both(
          action.instance,
          (store) => confirmed(store.confirm(name, owner, undefined, lease, call), 'gone'),
          (who) => model.confirm(who, owner, undefined, lease, call, false),
        );
        return;
      }
      case 'leave': {
        const { owner, lease } = action;
        const take = action.take ? { lease, call: this.#newCall() } : undefined;
        await this.#both(
          action.instance,
          (store) => confirmed(store.leave(name, owner, take && { leaseMs: lease, call: take.call }), 'left'),
          (who) => model.leave(who, owner, take),
        );
        return;
      }
      case 'undelivered': {
        const call = this.#callOf(action.owner, action.call);
        await this.#both(
          action.instance,
          async (store) => ({ kind: 'flag', value: await store.undelivered(name, action.owner, call) }),
          (who) => model.undelivered(who, action.owner, call),
        );
        return;
      }
      case 'release': {
        const own = model.holds.get(action.owner);
        const number = action.token === 'own' ? (own?.was ?? own)?.token : action.token === 'old' ? 1 : undefined;
        const token = number === undefined || !this.#tokens.has(number) ? undefined : number;
        const real = token === undefined ? undefined : this.#real(token);
        await this.#both(
          action.instance,
          async (store) => {
            const answer = await store.release(name, action.owner, action.mode, real);
            return answer.code === 'ok' ? { kind: 'released', mode: answer.mode } : { kind: answer.code };
          },
          (who) => model.release(who, action.owner, action.mode, token),
        );
        return;
      }
      case 'renew': {
        const { owner, lease } = action;
        const call = this.#newCall();
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
        const call = this.#callOf(action.owner, action.call);
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
          async (store) => ({ kind: 'ended', ended: (await store.force(name, undefined)).ended }),
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
        return;
      case 'watch': {
        let seq = 0;
        await this.#both(
          action.instance,
          async (store) => {
            seq = (await store.watch(name, action.ms)).seq;
            return { kind: 'seq', events: seq - this.#seq };
          },
          (who) => {
            const answer = model.watch(who, action.ms);
            // Whoever watches first learns where the numbers begin.
            if (answer.kind !== 'seq' || this.#seq !== 0) return answer;
            this.#seq = seq;
            return { kind: 'seq', events: seq };
          },
        );
        return;
      }
      case 'look':
        await this.#look(action.instance);
    }
  }

  async #both(
    id: string,
    onRedis: (store: LockStore) => Promise<ModelAnswer>,
    onModel: (who: ModelCaller, real: ModelAnswer) => ModelAnswer,
    /** Of a place that may be dropped at once. */
    wait = 0,
  ): Promise<void> {
    const { model, locks } = this;
    const process = this.#process(id);
    const { epoch, snapshot } = process;
    const [real, dump, messages] = await Promise.all([
      onRedis(process.store),
      locks.dump(this.name, OWNERS),
      locks.messages(),
    ]);
    const { time = 0, wakeMs, more, expired } = this.#stepped ?? {};
    // A lock that is free and has nothing to remember has no key, and Redis's time.
    const now = dump.lives.has('lock') ? dump.now : time;

    expect(now, 'lock time never goes back').toBeGreaterThanOrEqual(model.now);
    expect(now - time).toBe(dump.offset);
    model.now = now;
    this.#offset = dump.offset;
    Object.assign(model, { told: [], expired: 0 });
    const who = { instance: id, epoch, snapshot, grants: !this.#holdsBack };
    const expected = onModel(who, real);

    const tokenOf = (token: number) => this.#real(token);
    this.#learnTokens(dump);
    expect(real).toEqual(this.#translate(expected));
    expect({ more, expired }).toEqual({ more: false, expired: model.expired });
    expect(readHolds(dump.holds)).toEqual(describeHolds(model.holds, tokenOf));
    expect(readPlaces(dump.places)).toEqual(describePlaces(model.places));
    expect(readMessages(messages)).toEqual(describeMessages(model.told, this.#seq, tokenOf));
    expect(model.violations(who.grants)).toEqual([]);
    this.#traces.compare(dump, wait);

    this.#timers.compare(id, wakeMs, messages);
  }

  /** What scripts that change nothing answer. */
  async #look(id: string): Promise<void> {
    const { model, locks, name } = this;
    const { store, snapshot } = this.#process(id);
    const nowThen = () => Math.max((this.#stepped?.time ?? 0) + this.#offset, model.now);
    const tokenOf = (token: number) => this.#real(token);
    // What the time has been set to since the last script is seen by these as well.
    const dump = await locks.dump(name);
    this.#offset = dump.offset;
    const view = await store.inspect(name);
    const seen = model.view(name, nowThen(), snapshot);
    expect(view).toEqual({
      ...seen,
      token: seen.token === null ? null : tokenOf(seen.token),
      holders: seen.holders.map((holder) => ({ ...holder, token: tokenOf(holder.token) })),
    });
    const graph = await store.graph(name);
    const { holders, ...rest } = model.graph(nowThen());
    expect(graph).toEqual({ ...rest, holders: holders.map((holder) => ({ ...holder, token: tokenOf(holder.token) })) });
    const { names, waiting } = await locks.listed(name, OWNERS);
    if (model.holds.size + model.places.size === 0) expect(names).toEqual([]);
    // What ends in this moment may be listed or not.
    else if (latestOf(dump) > nowThen() + 100) expect(names).toEqual([name]);
    // Whoever waits for longer than he said is not looked for.
    const wait = OWNERS.filter((owner) => model.places.has(owner));
    expect(wait).toEqual(expect.arrayContaining(waiting));
    expect(waiting).toEqual(expect.arrayContaining(wait.filter((owner) => this.#traces.endOf(owner) >= nowThen())));
  }

  #learnTokens({ holds }: LockDump): void {
    const fresh = [...this.model.holds].filter(([, { token }]) => !this.#tokens.has(token));
    for (const [owner, { token }] of fresh.sort(([, a], [, b]) => a.token - b.token)) {
      const real = Number(holds.get(owner)?.words[1]);
      expect(real, 'tokens grow').toBeGreaterThan(Math.max(this.#floor, ...this.#tokens.values()));
      this.#tokens.set(token, real);
    }
  }

  #real(token: number): number {
    return this.#tokens.get(token) ?? -1;
  }

  #newTicket(real: ModelAnswer): number {
    if (real.kind !== 'waiting') return 0;
    expect(real.ticket, 'tickets grow').toBeGreaterThan(this.#lastTicket);
    this.#lastTicket = real.ticket;
    return real.ticket;
  }

  #remember(owner: string): void {
    const place = this.model.places.get(owner);
    if (!place) return;
    const { ticket, upgrade, mode, limit } = place;
    this.#places.set(owner, { ticket, upgrade, mode, limit });
  }

  #translate(answer: ModelAnswer): unknown {
    if (answer.kind === 'granted' || answer.kind === 'offered') return { ...answer, token: this.#real(answer.token) };
    if (answer.kind !== 'states') return answer;
    return { ...answer, states: answer.states.map((state) => (typeof state === 'number' ? this.#real(state) : state)) };
  }

  #process(id: string): Process {
    const process = this.#processes.get(id);
    if (!process) throw new Error(`no process ${id}`);
    return process;
  }

  #join(id: string): void {
    const epoch = this.#newEpoch(id);
    const process: Omit<Process, 'store'> = { epoch, snapshot: this.#snapshot() };
    const store = this.locks.store(
      {
        instance: id,
        nodeId: nodeOf(id),
        epoch: () => this.#process(id).epoch,
        snapshot: () => textOf(this.#process(id).snapshot),
        floor: () => this.#floor,
        grants: () => !this.#holdsBack,
      },
      (stepped) => {
        this.#stepped = stepped;
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

  #newCall(): string {
    this.#call += 1;
    return `call${this.#call}`;
  }

  /** That of the owner's acquisition of several. */
  #callOfMany(owner: string, same: boolean): string {
    const call = (same ? this.#calls.get(owner) : undefined) ?? this.#newCall();
    this.#calls.set(owner, call);
    return call;
  }

  #callOf(owner: string, which: string): string {
    const last = this.model.holds.get(owner)?.call;
    return which === 'last' && last !== undefined && last !== '-' ? last : (this.#calls.get(owner) ?? 'none');
  }
}

function textOf({ counter, living }: ModelSnapshot): string {
  return [counter, ...[...living].map(([epoch, id]) => `${epoch}:${id}`)].join(' ');
}

async function confirmed(result: Promise<Confirmed | undefined>, otherwise: 'gone' | 'left'): Promise<ModelAnswer> {
  return (await result) ?? { kind: otherwise };
}
