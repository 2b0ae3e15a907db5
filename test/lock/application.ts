import { readSettings } from '#lib/config';
import { Draining } from '#lib/http';
import { LockService, type LockEvents } from '#lib/lock';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';

/** What Nest puts together for whoever imports the module. */
export class Application {
  readonly connections: RedisConnections;
  readonly membership: Membership;
  readonly draining = new Draining();
  readonly locks: LockService;
  readonly heard: { [Kind in keyof LockEvents]: LockEvents[Kind][0][] } = {
    acquired: [],
    released: [],
    expired: [],
    forced: [],
  };

  private constructor(url: string, nodeId: string) {
    const settings = readSettings({ NODE_ID: nodeId, REDIS_URL: url, EMPTY_REDIS_IS_NEW: 'true' });
    this.connections = new RedisConnections(settings);
    this.membership = new Membership(settings, this.connections);
    this.locks = new LockService(settings, this.membership, this.connections, this.draining);
    this.locks.events.on('acquired', (event) => this.heard.acquired.push(event));
    this.locks.events.on('released', (event) => this.heard.released.push(event));
    this.locks.events.on('expired', (count) => this.heard.expired.push(count));
    this.locks.events.on('forced', (count) => this.heard.forced.push(count));
    this.membership.onModuleInit();
    this.locks.onModuleInit();
  }

  /** @returns one that takes part */
  static async start(url: string, nodeId: string): Promise<Application> {
    const application = new Application(url, nodeId);
    await application.membership.ready;
    return application;
  }

  async stop(): Promise<void> {
    await this.locks.onApplicationShutdown();
    await this.membership.retire();
    await this.connections.close();
  }
}
