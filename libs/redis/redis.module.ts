import { Inject, Injectable, Module } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { RedisConnection } from './redis.connection.js';
import { CurrentServer } from './redis.server.js';

/** This node's connections, one per purpose. They are closed by {@link close}, in the order of the node's shutdown. */
@Injectable()
export class RedisConnections {
  readonly current = new CurrentServer();
  /** Scripts of the services; those of one turn of the event loop travel together. */
  readonly commands: RedisConnection;
  /** Lease and channel between nodes, one after the other as they were sent (docs/PROTOCOL.md "Connections"). */
  readonly lease: RedisConnection;

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.commands = new RedisConnection(settings, this.current, 'commands', true, true);
    this.lease = new RedisConnection(settings, this.current, 'lease');
  }

  async close(): Promise<void> {
    await Promise.all([this.commands.close(), this.lease.close()]);
  }
}

@Module({ providers: [RedisConnections], exports: [RedisConnections] })
export class RedisModule {}
