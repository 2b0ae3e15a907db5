import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { Draining, NodeDraining, Problem } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import type { LockEvents } from './lock.events.js';
import { LockGrace } from './lock.grace.js';
import { LockKeys } from './lock.keys.js';
import { LockStore, type Stepped } from './lock.store.js';
import type {
  AcquireAnswer,
  AcquireRequest,
  CycleEntry,
  LockView,
  ReleaseAnswer,
  ReleaseRequest,
  RenewAnswer,
  RenewRequest,
} from './lock.types.js';
import { Grant } from './wait.grant.js';
import type { Outcome } from './wait.place.js';
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
    this.#store = new LockStore(
      (script, keys, args) => {
        membership.requireReady();
        return redis.commands.run(script, keys, args);
      },
      new LockKeys(settings.REDIS_KEY_PREFIX),
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
    this.#room = new WaitingRoom(this.#store, {
      newCall: () => this.#newCall(),
      usable: () => membership.usable,
      watches: () => false,
    });
    membership.events.on('serverChanged', ({ lost, graceOver }) => {
      this.#grace.begin(lost && !graceOver.has('lock'), !this.#met);
      this.#met = true;
    });
    membership.events.on('epochTaken', (epoch) => {
      this.#grace.seen(epoch / 1000);
      this.#room.checkAll();
    });
    membership.events.on('reconnected', () => {
      this.#room.checkAll();
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
    membership.on('lock.refused', (name = '', owner = '', ticket, cycle = '[]') => {
      this.#room.refused(name, owner, Number(ticket), JSON.parse(cycle) as CycleEntry[]);
    });
  }

  onModuleInit(): void {
    this.#room.open();
    this.draining.signal.addEventListener('abort', () => {
      this.#room.dismiss((mayHaveTakenEffect) => new NodeDraining(mayHaveTakenEffect));
    });
  }

  onApplicationShutdown(): void {
    this.#room.close();
    this.#grace.end();
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
    if (outcome.kind === 'gone') throw gone(options);
    const waitedMs = outcome.kind === 'granted' ? outcome.waitedMs : performance.now() - arrivedAt;
    this.events.emit('acquired', { mode, outcome: outcome.kind, ...(waitMs > 0 ? { waitedMs } : {}) });
    if (outcome.kind === 'deadlock') return { ok: false, reason: 'deadlock', cycle: outcome.cycle };
    if (outcome.kind !== 'granted') return { ok: false, reason: outcome.kind };
    const { grant } = outcome;
    this.membership.raise('token', grant.token);
    this.#grace.granted(leaseMs);
    this.#watchDelivery(grant, options);
    return {
      ok: true,
      token: grant.token,
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
    return lost.length === 0 ? { ok: true, renewed, lost } : { ok: false, reason: 'not_held', renewed, lost };
  }

  /** Who holds a lock, who waits for it. @throws RedisUnavailable */
  async inspect(name: string): Promise<LockView> {
    return await this.#store.inspect(name);
  }

  async #acquireAtOnce(request: AcquireRequest, leaseMs: number): Promise<Outcome> {
    const { name, owner } = request;
    const call = this.#newCall();
    const result = await this.#store.acquire({ ...request, leaseMs, waitMs: 0, call });
    if (result.kind === 'granted') {
      const grant = new Grant(result.token, result.how === 'new', 1, () => {
        void this.#store.undelivered(name, owner, call).catch(() => undefined);
      });
      return { kind: 'granted', grant, waitedMs: undefined };
    }
    return { kind: result.kind === 'full' ? 'too_many_waiters' : 'locked' };
  }

  async #wait(
    request: AcquireRequest,
    leaseMs: number,
    waitMs: number,
    arrivedAt: number,
    { signal, client }: AcquireOptions,
  ): Promise<Outcome> {
    if (this.draining.signal.aborted) throw new NodeDraining(false);
    const signals = [signal, client].filter((one) => one !== undefined);
    const gone = signals.length === 0 ? undefined : AbortSignal.any(signals);
    const outcome = await this.#room.acquire(request, leaseMs, waitMs, arrivedAt, gone);
    if (outcome.kind === 'granted' && gone?.aborted === true) {
      outcome.grant.undelivered();
      return { kind: 'gone' };
    }
    return outcome;
  }

  #watchDelivery(grant: Grant, { client }: AcquireOptions): void {
    if (client?.aborted === true) grant.undelivered();
    else {
      client?.addEventListener(
        'abort',
        () => {
          grant.undelivered();
        },
        { once: true },
      );
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

function gone({ signal }: AcquireOptions): Error {
  const reason: unknown = signal?.aborted === true ? signal.reason : new Problem(400, 'The request was cut off');
  return reason instanceof Error ? reason : new Error(String(reason));
}
