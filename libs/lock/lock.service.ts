import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { decodeCursor, Draining, encodeCursor, NodeDraining, Problem } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import { DeadlockWatch } from './deadlock.watch.js';
import type { LockEvents } from './lock.events.js';
import { LockGrace } from './lock.grace.js';
import { LockKeys } from './lock.keys.js';
import { LockListing, type Send } from './lock.listing.js';
import { ManyLocks } from './lock.many.js';
import { LockStore, type Stepped } from './lock.store.js';
import type {
  AcquireAnswer,
  AcquireManyAnswer,
  AcquireManyRequest,
  AcquireRequest,
  CycleEntry,
  ListRequest,
  LockPage,
  LockView,
  Refused,
  ReleaseAnswer,
  ReleaseRequest,
  RenewAnswer,
  RenewRequest,
} from './lock.types.js';
import { LockWatchers, type WatchEvent } from './lock.watchers.js';
import { ReplicaWait } from './replica.wait.js';
import { Grant } from './wait.grant.js';
import type { NotGranted, Outcome } from './wait.place.js';
import { WaitingRoom } from './wait.room.js';

const DEFAULT_LEASE_MS = 30_000;

export interface AcquireOptions {
  /** Aborted when the caller no longer wants to wait; what was granted before stays. */
  readonly signal?: AbortSignal;
  /** For servers: aborted when the client hung up before it had its answer; a grant that it never heard of is taken back. */
  readonly client?: AbortSignal;
}

/** Locks between processes: exclusive, shared and counting, with leases, fair queues and fencing tokens. */
@Injectable()
export class LockService implements OnModuleInit, OnApplicationShutdown {
  readonly events = new EventEmitter<LockEvents>();
  readonly #store: LockStore;
  readonly #room: WaitingRoom;
  readonly #grace: LockGrace;
  readonly #listing: LockListing;
  readonly #watchers: LockWatchers;
  readonly #deadlocks: DeadlockWatch;
  readonly #many: ManyLocks;
  readonly #replicas: ReplicaWait;
  #calls = 0;
  #met = false;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    private readonly membership: Membership,
    redis: RedisConnections,
    private readonly draining: Draining,
  ) {
    this.#grace = new LockGrace(
      settings.LOCK_GRACE_MAX_MS,
      () => membership.maximum('deadline'),
      (deadline) => {
        membership.raise('deadline', deadline);
      },
      () => {
        void membership.markGraceOver('lock');
        this.#room.checkAll();
      },
    );
    const keys = new LockKeys(settings.REDIS_KEY_PREFIX);
    const send: Send = (script, keysOf, args, joins) => {
      membership.requireReady();
      return redis.commands.run(script, keysOf, args, joins);
    };
    const usable = () => membership.usable;
    this.#replicas = new ReplicaWait(settings, redis.current, keys.replicated);
    this.#listing = new LockListing(send, keys);
    this.#store = new LockStore(
      send,
      keys,
      membership.channelOf(''),
      {
        instance: membership.instance,
        nodeId: membership.nodeId,
        epoch: () => this.#epoch(),
        snapshot: () => membership.snapshot,
        floor: () => membership.maximum('token'),
        grants: () => !this.#grace.holds,
      },
      settings,
      (stepped) => {
        this.#stepped(stepped);
      },
    );
    this.#watchers = new LockWatchers(this.#store, usable);
    const newCall = () => this.#newCall();
    this.#room = new WaitingRoom(this.#store, { newCall, usable });
    this.#deadlocks = new DeadlockWatch(this.#room, this.#store, this.#listing, usable);
    this.#many = new ManyLocks(this.#store, this.#room, newCall, settings.LOCK_OFFER_MS);
    membership.events.on('serverChanged', ({ lost, graceOver }) => {
      this.#grace.begin(lost && !graceOver.has('lock'), !this.#met);
      this.#met = true;
    });
    membership.events.on('epochTaken', (epoch) => {
      this.#grace.seen(epoch / 1000);
      this.#room.checkAll();
      this.#watchers.refreshAll(true);
    });
    membership.events.on('reconnected', () => {
      this.#room.checkAll();
      this.#watchers.refreshAll();
    });
    membership.events.on('membersChanged', () => {
      this.#room.checkAll();
    });
    membership.on('lock.offer', (name = '', owner = '', token) => {
      this.#room.offered(name, owner, Number(token));
    });
    membership.on('lock.wake', (name = '', ms) => {
      this.#room.wake(name, Number(ms));
    });
    membership.on('lock.event', (name = '', ...fields) => {
      this.#watchers.changed(name, ...fields);
    });
    membership.on('lock.refused', (name = '', owner = '', ticket, cycle = '[]') => {
      this.#room.refused(name, owner, Number(ticket), JSON.parse(cycle) as CycleEntry[]);
    });
  }

  onModuleInit(): void {
    this.#room.open();
    this.#watchers.start();
    this.#deadlocks.start();
    this.draining.signal.addEventListener('abort', () => {
      this.#room.dismiss((mayHaveTakenEffect) => new NodeDraining(mayHaveTakenEffect));
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#room.close();
    this.#watchers.stop();
    this.#deadlocks.stop();
    this.#grace.end();
    await this.#replicas.close();
  }

  /** Whether acquiring is refused because Redis may have lost holds that are still in force. */
  get holding(): boolean {
    return this.#grace.holds;
  }

  /** Connections that wait for a lock on this node. */
  get waiting(): number {
    return this.#room.waiting;
  }

  /**
   * Takes a lock, or waits for it (README.md "The acquire table"). Safe to repeat: an owner who holds it in this mode
   * already gets the same token, and his lease anew.
   * @throws RedisUnavailable, NodeDraining; the signal's reason where it was aborted
   */
  async acquire(request: AcquireRequest, options: AcquireOptions = {}): Promise<AcquireAnswer> {
    const arrivedAt = performance.now();
    this.#requireOpen();
    const { mode, leaseMs = DEFAULT_LEASE_MS, waitMs = 0 } = request;
    const outcome =
      waitMs === 0
        ? await this.#acquireAtOnce(request, leaseMs)
        : await this.#wait(request, leaseMs, waitMs, arrivedAt, options);
    if (outcome.kind === 'gone') throw goneBy(options);
    const waitedMs = outcome.kind === 'granted' ? outcome.waitedMs : performance.now() - arrivedAt;
    this.events.emit('acquired', { mode, outcome: outcome.kind, ...(waitMs > 0 ? { waitedMs } : {}) });
    if (outcome.kind !== 'granted') return refusal(outcome);
    const { grant } = outcome;
    this.#granted(grant.token, leaseMs);
    await this.#replicated(() => {
      grant.undelivered();
    });
    this.#watchDelivery(options, () => {
      grant.undelivered();
    });
    return {
      ok: true,
      token: grant.token,
      leaseMs,
      ...(outcome.waitedMs === undefined ? {} : { waitedMs: Math.ceil(outcome.waitedMs) }),
    };
  }

  /**
   * Takes several locks, all or none. Others may see some of them taken meanwhile.
   * @throws RedisUnavailable, NodeDraining; the signal's reason where it was aborted; Problem 400 for a name given twice
   */
  async acquireMany(request: AcquireManyRequest, options: AcquireOptions = {}): Promise<AcquireManyAnswer> {
    const arrivedAt = performance.now();
    this.#requireOpen();
    const { locks, owner, leaseMs = DEFAULT_LEASE_MS, waitMs = 0 } = request;
    requireOnce(locks.map(({ name }) => name));
    if (waitMs > 0 && this.draining.signal.aborted) throw new NodeDraining(false);
    const gone = anyOf(options);
    const outcome = await this.#many.acquire({ locks, owner, leaseMs, waitMs, arrivedAt, gone });
    if (outcome.kind === 'gone') throw goneBy(options);
    const reason = outcome.kind === 'granted' ? outcome.kind : outcome.outcome.kind;
    for (const { mode } of locks) this.events.emit('acquired', { mode, outcome: reason });
    if (outcome.kind === 'refused') return { ...refusal(outcome.outcome), name: outcome.name };
    const undo = () => void outcome.undo().catch(() => undefined);
    for (const token of outcome.tokens.values()) this.#granted(token, leaseMs);
    await this.#replicated(undo);
    this.#watchDelivery(options, undo);
    return {
      ok: true,
      tokens: Object.fromEntries(outcome.tokens),
      leaseMs,
      ...(outcome.waitedMs === undefined ? {} : { waitedMs: Math.ceil(outcome.waitedMs) }),
    };
  }

  /** Gives a hold back. @throws RedisUnavailable */
  async release({ name, owner, mode, token }: ReleaseRequest): Promise<ReleaseAnswer> {
    this.#requireOpen();
    const result = await this.#store.release(name, owner, mode, token);
    if (result.code !== 'ok') return { ok: false, reason: result.code };
    this.events.emit('released', { mode: result.mode, heldMs: result.heldMs });
    await this.#replicas.written();
    return { ok: true };
  }

  /** Lets holds last for their lease from now on, name by name. @throws RedisUnavailable */
  async renew({ owner, names, leaseMs }: RenewRequest): Promise<RenewAnswer> {
    this.#requireOpen();
    const renewed: string[] = [];
    const lost: string[] = [];
    await Promise.all(
      names.map(async (name) => {
        const lease = await this.#store.renew(name, owner, leaseMs, this.#newCall());
        if (lease === undefined) lost.push(name);
        else {
          this.#grace.granted(lease);
          renewed.push(name);
        }
      }),
    );
    await this.#replicas.written();
    return lost.length === 0 ? { ok: true, renewed, lost } : { ok: false, reason: 'not_held', renewed, lost };
  }

  /** Who holds a lock, who waits for it. @throws RedisUnavailable */
  async inspect(name: string): Promise<LockView> {
    return await this.#store.inspect(name);
  }

  /** Locks that are held or waited for, a page at a time. @throws RedisUnavailable, Problem 400 for a bad cursor */
  async list({ prefix = '', owner, cursor, limit = 100 }: ListRequest = {}): Promise<LockPage> {
    const after = cursor === undefined ? undefined : decodeCursor(cursor, 2)[1];
    const { names, next } = await this.#listing.page(prefix, owner, after, limit);
    const views = await Promise.all(names.map((name) => this.#store.inspect(name, 0)));
    const locks = views
      .filter(({ holdersCount, waitersCount }) => holdersCount > 0 || waitersCount > 0)
      .map(({ name, mode, token, holdersCount, waitersCount }) => ({ name, mode, token, holdersCount, waitersCount }));
    return { locks, cursor: next === undefined ? null : encodeCursor(['locks', next]) };
  }

  /**
   * Tells how a lock stands, then each change of its holders and waiters.
   * @returns ends it
   * @throws RedisUnavailable
   */
  async watch(name: string, tell: (event: WatchEvent) => void): Promise<() => void> {
    return await this.#watchers.watch(name, tell);
  }

  /** Ends every hold of a lock, whoever has it; waiters stay and are served. @returns how many. @throws RedisUnavailable */
  async forceRelease(name: string): Promise<number> {
    this.#requireOpen();
    let released = 0;
    let bound: number | undefined;
    for (let left = true; left;) {
      const batch = await this.#store.force(name, bound);
      ({ bound, left } = batch);
      released += batch.ended;
    }
    this.events.emit('forced', released);
    await this.#replicas.written();
    return released;
  }

  async #acquireAtOnce(request: AcquireRequest, leaseMs: number): Promise<Outcome> {
    const { name, owner } = request;
    const call = this.#newCall();
    const result = await this.#store.acquire({ ...request, leaseMs, waitMs: 0, call });
    if (result.kind === 'granted') {
      const grant = new Grant(result.token, result.how === 'new', 1, () => {
        void this.#store.undelivered(name, owner, call).catch(() => undefined);
      });
      return { kind: 'granted', grant, held: false, waitedMs: undefined };
    }
    return { kind: result.kind === 'full' ? 'too_many_waiters' : 'locked' };
  }

  async #wait(
    request: AcquireRequest,
    leaseMs: number,
    waitMs: number,
    arrivedAt: number,
    options: AcquireOptions,
  ): Promise<Outcome> {
    if (this.draining.signal.aborted) throw new NodeDraining(false);
    const gone = anyOf(options);
    const outcome = await this.#room.acquire(request, leaseMs, waitMs, arrivedAt, gone);
    if (outcome.kind === 'granted' && gone?.aborted === true) {
      outcome.grant.undelivered();
      return { kind: 'gone' };
    }
    return outcome;
  }

  /** What was granted counts as told only when the client has not hung up before. */
  #watchDelivery({ client }: AcquireOptions, undelivered: () => void): void {
    if (client?.aborted === true) undelivered();
    else client?.addEventListener('abort', undelivered, { once: true });
  }

  #granted(token: number, leaseMs: number): void {
    this.membership.raise('token', token);
    this.#grace.granted(leaseMs);
  }

  /** @throws RedisUnavailable where too few replicas have the grant, which is taken back if it is a new one */
  async #replicated(takeBack: () => void): Promise<void> {
    try {
      await this.#replicas.written();
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  #stepped(stepped: Stepped): void {
    this.#grace.seen(stepped.time);
    if (stepped.expired > 0) this.events.emit('expired', stepped.expired);
    this.#room.stepped(stepped);
  }

  #newCall(): string {
    this.#calls += 1;
    return `${this.membership.instance}.${this.#calls}`;
  }

  #epoch(): number {
    const { epoch } = this.membership;
    if (epoch === undefined) throw new RedisUnavailable('Redis cannot be reached', false);
    return epoch;
  }

  /** @throws RedisUnavailable while holds that Redis has lost may still be in force */
  #requireOpen(): void {
    this.membership.requireReady();
    if (this.#grace.holds) throw new RedisUnavailable('Redis may have lost holds that are still in force', false);
  }
}

function anyOf({ signal, client }: AcquireOptions): AbortSignal | undefined {
  const signals = [signal, client].filter((one) => one !== undefined);
  return signals.length === 0 ? undefined : AbortSignal.any(signals);
}

function goneBy({ signal }: AcquireOptions): Error {
  const reason: unknown = signal?.aborted === true ? signal.reason : new Problem(400, 'The request was cut off');
  return reason instanceof Error ? reason : new Error(String(reason));
}

function refusal(outcome: NotGranted): Refused {
  return outcome.kind === 'deadlock'
    ? { ok: false, reason: 'deadlock', cycle: outcome.cycle }
    : { ok: false, reason: outcome.kind };
}

function requireOnce(names: readonly string[]): void {
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice < 0) return;
  const errors = [{ field: `locks[${twice}].name`, message: 'must be given once' }];
  throw new Problem(400, `The request is not valid: locks[${twice}].name must be given once`, { errors });
}
