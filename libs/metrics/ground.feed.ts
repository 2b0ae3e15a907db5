import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { SETTINGS, VERSION, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections, type RedisConnection } from '#lib/redis';
import { whenRead } from './when.read.js';
import { METRICS, type Metrics } from './metrics.table.js';

/** Feeds the metrics of what the services stand on: Redis and the membership. */
@Injectable()
export class GroundFeed implements OnModuleInit {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly membership: Membership,
    private readonly redis: RedisConnections,
  ) {}

  onModuleInit(): void {
    const { metrics, membership } = this;
    metrics.buildInfo.set({ node: this.settings.NODE_ID, version: VERSION }, 1);
    this.#feedFrom('commands', this.redis.commands);
    this.#feedFrom('lease', this.redis.lease);
    membership.events.on('epochLost', () => {
      metrics.epochsLost.inc();
    });
    membership.events.on('fenced', () => {
      metrics.nodesFenced.inc();
    });
    whenRead(metrics.redisDurable, () => membership.durability.state === 'always');
    whenRead(metrics.redisEvicts, () => membership.durability.evicts);
    whenRead(metrics.leaseStands, () => membership.leaseStands());
  }

  #feedFrom(purpose: string, connection: RedisConnection): void {
    connection.on('up', () => {
      this.metrics.redisConnected.inc({ purpose });
    });
    connection.on('answered', (script, durationMs, failed) => {
      this.metrics.redisDuration.observe({ script, outcome: failed ? 'failed' : 'ok' }, durationMs / 1000);
    });
  }
}
