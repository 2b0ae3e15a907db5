import { readSettings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';
import { eventually } from '../../test/cluster/index.js';
import { CacheReader } from './cache.reader.js';
import { CacheService } from './cache.service.js';
import { CacheWriter } from './cache.writer.js';
import { Directory } from './directory.client.js';
import { ExpirySweeper } from './expiry.sweeper.js';
import { InvalidationSubscriber } from './invalidation.subscriber.js';
import { LocalLines } from './local.lines.js';
import { ServerHold } from './server.hold.js';

/** A membership whose channel can be made to lose messages. */
class LossyMembership extends Membership {
  /** Whether a message of this kind is lost. */
  loses: (kind: string) => boolean = () => false;

  override on(kind: string, handler: (...fields: string[]) => void): void {
    super.on(kind, (...fields) => {
      if (!this.loses(kind)) handler(...fields);
    });
  }
}

/** One process's cache, as a node has it. */
export class CacheProcess {
  readonly connections: RedisConnections;
  readonly membership: LossyMembership;
  readonly lines: LocalLines;
  readonly directory: Directory;
  readonly cache: CacheService;
  readonly subscriber: InvalidationSubscriber;
  readonly sweeper: ExpirySweeper;
  #silent = false;

  constructor(url: string, nodeId: string, prefix: string, env: Record<string, string> = {}) {
    const settings = readSettings({ NODE_ID: nodeId, REDIS_URL: url, REDIS_KEY_PREFIX: prefix, ...env });
    this.connections = new RedisConnections(settings);
    this.membership = new LossyMembership(settings, this.connections);
    this.membership.holdRenewal(() => this.#silent);
    this.lines = new LocalLines(settings, this.membership);
    const hold = new ServerHold(settings, this.membership, this.lines);
    this.directory = new Directory(settings, this.connections, this.membership);
    const writer = new CacheWriter(settings, this.membership, this.lines, this.directory, hold);
    const reader = new CacheReader(this.membership, this.lines, this.directory, writer, hold);
    this.subscriber = new InvalidationSubscriber(this.membership, this.lines, this.directory, hold);
    this.cache = new CacheService(this.membership, this.lines, this.directory, reader, writer, hold);
    this.sweeper = new ExpirySweeper(settings, this.membership, this.directory, writer, hold);
    this.membership.onModuleInit();
  }

  /** Stops renewing the lease and hears nothing any more, as a stopped process would. */
  fallSilent(): void {
    this.#silent = true;
    this.membership.loses = () => true;
  }

  /** Sends no renewal until {@link renewAgain}; returns when none is under way. For counting commands, within a lease. */
  async pauseRenewal(): Promise<void> {
    this.#silent = true;
    await this.connections.lease.redis.ping();
  }

  renewAgain(): void {
    this.#silent = false;
  }

  /** Waits until calls are served. */
  async ready(): Promise<this> {
    await eventually(() => this.membership.usable && this.membership.leaseStands() && !this.cache.holding, {
      what: `the cache of ${this.membership.nodeId} to serve`,
    });
    return this;
  }

  async stop(): Promise<void> {
    this.sweeper.onModuleDestroy();
    await this.membership.retire();
    await this.connections.close();
  }
}
