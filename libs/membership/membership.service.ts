import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, VERSION, type Settings } from '#lib/config';
import { RedisConnections, RedisUnavailable, type RedisServer } from '#lib/redis';
import { Channel } from './channel.js';
import { Durability } from './durability.js';
import { Lease, RENEW_MS } from './lease.js';
import { MembershipKeys } from './membership.keys.js';
import { scripts } from './membership.scripts.js';
import { parseRegistry, unknownRegistry, type RegistryView } from './registry.view.js';
import { SilenceWatch } from './silence.watch.js';

/** How long GET /cluster remembers a dead node. */
const REMEMBER_DEAD_MS = 24 * 3_600_000;

/** How often this process looks whether Redis is still set up as the guarantees ask for. */
const CHECK_DURABILITY_MS = 5000;

/** Another Redis process answers than before, or the first one that this process meets. */
export interface ServerChange {
  readonly server: RedisServer;
  /** False only where nothing that was acknowledged to any process can be missing. */
  readonly lost: boolean;
  /** Services that need not hold back: the hold of another node under this very server has ended. */
  readonly graceOver: ReadonlySet<string>;
}

interface MembershipEvents {
  /** The lease ended. Listeners drop every copy and close every fill and write before they return. */
  epochLost: [epoch: number];
  epochTaken: [epoch: number];
  /** Before any command is let through to the other server. */
  serverChanged: [change: ServerChange];
  /** The channel works again after a gap, in which messages may have been missed. */
  reconnected: [];
  /** A process joined or died: {@link Membership.snapshot} is another. */
  membersChanged: [];
  /** This process ended the epoch of a silent one. */
  fenced: [epoch: number];
  /**
   * Every 300 ms, when the lease is renewed or would be. What is to be done now and then is done in this turn: an idle
   * process costs what its wakes cost.
   */
  pulse: [];
}

export interface Member {
  readonly id: string;
  readonly url?: string;
  readonly epoch: number;
  readonly startedAt: number;
  readonly version: string;
  readonly cacheLines: number;
  readonly alive: boolean;
}

/**
 * Who this process is among the nodes: its instance, its epochs one after the other, its lease on the current one, the
 * channel on which others speak to it, and what it knows of them (docs/PROTOCOL.md "Who is who").
 */
@Injectable()
export class Membership implements OnModuleInit {
  readonly nodeId: string;
  /** Random id of this process; its node id may be another process's too, for a while. */
  readonly instance = randomBytes(12).toString('base64url');
  /** What scripts PUBLISH to in order to speak to this process. */
  readonly channelName: string;
  readonly events = new EventEmitter<MembershipEvents>();
  readonly durability: Durability;
  /** Resolved when this process has stood in the registry for the first time. */
  readonly ready: Promise<void>;

  readonly #logger = new Logger('Membership');
  readonly #keys: MembershipKeys;
  readonly #channel: Channel;
  readonly #silence = new SilenceWatch();
  readonly #shared = new Map<string, number>();
  readonly #holds: (() => boolean)[] = [];
  readonly #startedAt = Date.now();
  #describeLines = () => 0;
  #resolveReady: () => void = () => undefined;
  #view: RegistryView = unknownRegistry;
  #epoch: number | undefined;
  #previous: number | undefined;
  #lease = new Lease();
  #admitted: RedisServer | undefined;
  #checkedAt = 0;
  #beating = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisConnections,
  ) {
    this.nodeId = settings.NODE_ID;
    this.#keys = new MembershipKeys(settings.REDIS_KEY_PREFIX);
    this.channelName = this.#keys.channel(this.instance);
    this.#channel = new Channel(redis.lease, this.channelName);
    this.durability = new Durability(redis.lease);
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    this.events.setMaxListeners(50);
    redis.current.on('changed', () => {
      // Whatever was granted under the former server is void before anything else happens.
      this.#admitted = undefined;
      this.#view = unknownRegistry;
      this.#silence.forget();
      this.#loseEpoch('another Redis server answers');
    });
    redis.lease.on('up', () => void this.#beat());
    this.#channel.on('tick', (epoch, number) => {
      if (Number(epoch) === this.#epoch) this.#lease.ticked(Number(number));
      if (this.#lease.stands()) this.#resolveReady();
    });
    this.#channel.events.on('confirmed', (again) => {
      this.#lease.channelMended();
      if (again) this.events.emit('reconnected');
    });
  }

  onModuleInit(): void {
    this.#timer = setInterval(() => {
      void this.#beat();
      this.events.emit('pulse');
    }, RENEW_MS);
    void this.#beat();
  }

  /** The current epoch of this process; undefined while it has none. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** What this process knows of the registry, as scripts take it (include `snapshot`). */
  get snapshot(): string {
    return this.#view.snapshot;
  }

  /** Whether what this process holds in memory may be used in this very step of the program. */
  leaseStands(): boolean {
    return this.#lease.stands();
  }

  /** Whether scripts may be sent: Redis is there, was checked, and this process has an epoch on it. */
  get usable(): boolean {
    return this.#epoch !== undefined && this.redis.commands.server !== undefined;
  }

  /** @throws RedisUnavailable, without effect, while {@link usable} is false */
  requireReady(): void {
    if (!this.usable) throw new RedisUnavailable('Redis cannot be reached', false);
  }

  /** Calls `handler` with the fields of each message of this kind (scripts: `cjson.encode({kind, field, ..})`). */
  on(kind: string, handler: (...fields: string[]) => void): void {
    this.#channel.on(kind, handler);
  }

  /** The channel of another process. */
  channelOf(instance: string): string {
    return this.#keys.channel(instance);
  }

  /** The lease is not renewed while `because` answers true: others then end it, and are not kept waiting for longer. */
  holdRenewal(because: () => boolean): void {
    this.#holds.push(because);
  }

  /** Shares a value of which every process shall know the maximum; sent with the next renewal. */
  raise(name: string, value: number): void {
    if (value > (this.#shared.get(name) ?? -1)) this.#shared.set(name, value);
  }

  /** The highest value shared under this name by any process, as of the last renewal, and by this one. */
  maximum(name: string): number {
    return Math.max(this.#view.maxima.get(name) ?? 0, this.#shared.get(name) ?? 0);
  }

  /** Where GET /cluster takes this node's number of cached lines from. */
  countLinesBy(count: () => number): void {
    this.#describeLines = count;
  }

  /** Tells processes to come that the hold of this service after the change to the current server has ended. */
  async markGraceOver(service: string): Promise<void> {
    const server = this.#admitted;
    if (server) await this.redis.lease.redis.hset(this.#keys.graceOver, service, server.runId).catch(() => 0);
  }

  /** Living nodes, and those that died within the last 24 hours and have not come back. */
  async members(): Promise<Member[]> {
    this.requireReady();
    const answer = await this.redis.commands.run(
      scripts.members,
      [this.#keys.registry, this.#keys.nodes],
      [REMEMBER_DEAD_MS],
    );
    const alive: Member[] = [];
    const dead = new Map<string, Member>();
    for (let i = 0; i + 2 < answer.length; i += 3) {
      const description = JSON.parse(String(answer[i + 2])) as Omit<Member, 'epoch' | 'alive'>;
      const member = { ...description, epoch: Number(answer[i]), alive: answer[i + 1] === 1 };
      if (member.alive) alive.push(member);
      else if (member.epoch > (dead.get(member.id)?.epoch ?? 0)) dead.set(member.id, member);
    }
    for (const { id } of alive) dead.delete(id);
    return [...alive, ...dead.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.epoch - b.epoch));
  }

  /** Gives the epoch back; nothing of this process may be used afterwards. Part of the node's shutdown. */
  async retire(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const epoch = this.#epoch;
    this.#loseEpoch('the node stops');
    if (epoch !== undefined && this.redis.lease.server) {
      await this.redis.lease.run(scripts.retire, [this.#keys.registry], [epoch]).catch(() => 0);
    }
  }

  /** One step towards, or in, the steady state: subscribed, server checked, epoch taken, lease renewed. */
  async #beat(): Promise<void> {
    if (this.#epoch !== undefined && this.#lease.lapsed()) this.#loseEpoch('its lease ran out');
    if (this.#stopped || this.#beating || !this.redis.lease.server) return;
    this.#beating = true;
    try {
      await this.#channel.confirm();
      if (!this.#admitted) await this.#admit();
      if (this.#epoch === undefined) await this.#takeEpoch();
      else if (this.#lease.deaf) {
        this.#logger.warn('this process no longer hears its channel; connecting anew');
        this.redis.lease.reconnect();
        return;
      }
      if (!this.#holds.some((because) => because())) await this.#renew();
      if (performance.now() - this.#checkedAt > CHECK_DURABILITY_MS) {
        this.#checkedAt = performance.now();
        await this.durability.check();
      }
    } catch (error) {
      this.#logger.debug(`renewal failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#beating = false;
    }
  }

  /** Finds out what the server that answers now has kept, before anything else may use it. */
  async #admit(): Promise<void> {
    const server = this.redis.lease.server;
    if (!server) return;
    const durableBefore = this.durability.state === 'always';
    const first = this.#previous === undefined;
    const [renewals, stamp, graceOver] = await this.redis.lease.run(
      scripts.admit,
      [this.#keys.registry, this.#keys.graceOver],
      [this.#previous ?? '', first && this.settings.EMPTY_REDIS_IS_NEW === 'true' ? server.runId : ''],
    );
    await this.durability.check();
    if (server !== this.redis.lease.server) return;
    const over = new Set<string>();
    for (let i = 0; i + 1 < graceOver.length; i += 2) {
      const service = graceOver[i];
      if (first && service !== undefined && graceOver[i + 1] === server.runId) over.add(service);
    }
    // The log of a server that syncs every write is whole up to its end: where the last renewal that was confirmed is
    // in it, so is all that came before, and the sync vouches for what came after. A process that was told nothing yet
    // goes by what others have seen. A former replica vouches for nothing.
    const kept = first
      ? stamp === '1' && this.durability.state === 'always'
      : durableBefore && Number(renewals ?? -1) >= this.#lease.acknowledged;
    const lost = !over.has('*') && (!kept || server.promoted);
    this.#admitted = server;
    this.#checkedAt = performance.now();
    if (!first)
      this.#logger.warn(`Redis was restarted or replaced; ${lost ? 'writes may be lost' : 'nothing was lost'}`);
    this.events.emit('serverChanged', { server, lost, graceOver: over });
    this.redis.current.admit(server);
  }

  async #takeEpoch(): Promise<void> {
    const [epoch, ...registry] = await this.redis.lease.run(
      scripts.newEpoch,
      [this.#keys.registry, this.#keys.nodes],
      [this.#previous ?? '', this.instance, this.#description()],
    );
    this.#lease = new Lease();
    this.#epoch = Number(epoch);
    this.#previous = this.#epoch;
    this.#learn(parseRegistry(registry));
    this.#logger.log(`epoch ${epoch}`);
    this.events.emit('epochTaken', this.#epoch);
  }

  async #renew(): Promise<void> {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    const lease = this.#lease;
    const durable = this.durability.state === 'always' ? 1 : 0;
    const number = lease.send();
    const answer = await this.redis.lease.run(
      scripts.renew,
      [this.#keys.registry, this.#keys.nodes],
      [epoch, number, this.channelName, this.#description(), durable, ...[...this.#shared].flat()],
    );
    const arrivedAt = performance.now();
    if (epoch !== this.#epoch) return;
    if (answer[0] === null) {
      this.#loseEpoch('others ended it');
      return;
    }
    lease.answered(number);
    if (lease.stands()) this.#resolveReady();
    const view = parseRegistry(answer);
    this.#learn(view);
    const others = view.living.filter((one) => one.epoch !== epoch);
    for (const silent of this.#silence.observe(others, arrivedAt)) await this.#fence(silent);
  }

  async #fence({ epoch, renewals }: { epoch: number; renewals: number }): Promise<void> {
    const ended = await this.redis.lease.run(scripts.fence, [this.#keys.registry], [epoch, renewals]);
    if (ended !== 1) return;
    this.#logger.warn(`ended the epoch ${epoch} of a silent node`);
    this.events.emit('fenced', epoch);
  }

  #learn(view: RegistryView): void {
    const changed = view.snapshot !== this.#view.snapshot;
    this.#view = view;
    // Redis may lose what other processes shared, and these may be dead by then.
    for (const [name, value] of view.maxima) this.raise(name, value);
    if (changed) this.events.emit('membersChanged');
  }

  #loseEpoch(why: string): void {
    const lost = this.#epoch;
    if (lost === undefined) return;
    this.#epoch = undefined;
    if (!this.#stopped) this.#logger.warn(`epoch ${lost} lost: ${why}`);
    this.events.emit('epochLost', lost);
  }

  #description(): string {
    return JSON.stringify({
      id: this.nodeId,
      ...(this.settings.PUBLIC_URL === undefined ? {} : { url: this.settings.PUBLIC_URL }),
      startedAt: this.#startedAt,
      version: VERSION,
      cacheLines: this.#describeLines(),
    });
  }
}
