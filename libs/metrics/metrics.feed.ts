import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { SETTINGS, VERSION, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections, type RedisConnection } from '#lib/redis';
import { metric } from './metrics.table.js';

/** Feeds the metrics of the ground that the services stand on from its events. */
@Injectable()
export class MetricsFeed implements OnModuleInit {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly membership: Membership,
    private readonly redis: RedisConnections,
    @InjectMetric(metric.buildInfo) private readonly buildInfo: Gauge,
    @InjectMetric(metric.redisDuration) private readonly redisDuration: Histogram,
    @InjectMetric(metric.redisConnected) private readonly redisConnected: Counter,
    @InjectMetric(metric.redisDurable) private readonly redisDurable: Gauge,
    @InjectMetric(metric.redisEvicts) private readonly redisEvicts: Gauge,
    @InjectMetric(metric.leaseStands) private readonly leaseStands: Gauge,
    @InjectMetric(metric.epochsLost) private readonly epochsLost: Counter,
    @InjectMetric(metric.nodesFenced) private readonly nodesFenced: Counter,
  ) {}

  onModuleInit(): void {
    this.buildInfo.set({ node: this.settings.NODE_ID, version: VERSION }, 1);
    this.#feedFrom('commands', this.redis.commands);
    this.#feedFrom('lease', this.redis.lease);
    this.membership.events.on('epochLost', () => {
      this.epochsLost.inc();
    });
    const { membership } = this;
    stateOf(this.redisDurable, () => membership.durability.state === 'always');
    stateOf(this.redisEvicts, () => membership.durability.evicts);
    stateOf(this.leaseStands, () => membership.leaseStands());
    membership.events.on('fenced', () => {
      this.nodesFenced.inc();
    });
  }

  #feedFrom(purpose: string, connection: RedisConnection): void {
    connection.on('up', () => {
      this.redisConnected.inc({ purpose });
    });
    connection.on('answered', (script, durationMs, failed) => {
      this.redisDuration.observe({ script, outcome: failed ? 'failed' : 'ok' }, durationMs / 1000);
    });
  }
}

/** A gauge that is 1 while something is so, looked at when the metrics are read. */
function stateOf(gauge: Gauge, isSo: () => boolean): void {
  Object.assign(gauge, {
    collect: () => {
      gauge.set(isSo() ? 1 : 0);
    },
  });
}
