import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { CacheService } from '#lib/cache';
import { Draining } from '#lib/http';
import { LockService } from '#lib/lock';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';

/**
 * What probes are told. Nothing is asked of Redis for it: the lease, renewed several times a second, is the proof that
 * Redis answers, so a probe is answered at once whatever happens.
 */
@Injectable()
export class NodeHealth {
  #started = false;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly membership: Membership,
    private readonly connections: RedisConnections,
    private readonly draining: Draining,
    private readonly cache: CacheService,
    private readonly locks: LockService,
  ) {}

  isReady(): boolean {
    return (
      this.#hasStarted() && this.membership.usable && this.membership.leaseStands() && !this.draining.announced.aborted
    );
  }

  process(): HealthIndicatorResult {
    return this.indicators.check('process').up();
  }

  redis(): HealthIndicatorResult {
    const check = this.indicators.check('redis');
    const { server } = this.connections.commands;
    return server ? check.up({ version: server.version }) : check.down('Redis cannot be reached');
  }

  lease(): HealthIndicatorResult {
    const check = this.indicators.check('lease');
    const { epoch } = this.membership;
    return epoch !== undefined && this.membership.leaseStands() ? check.up({ epoch }) : check.down('no lease stands');
  }

  caching(): HealthIndicatorResult {
    return this.#holdBack('cache', this.cache.holding, 'waits until no node can serve old copies');
  }

  locking(): HealthIndicatorResult {
    return this.#holdBack('lock', this.locks.holding, 'waits until holds that Redis may have lost are over');
  }

  /** Weaker than asked for is told, but no reason to send requests elsewhere: all nodes share this Redis. */
  durability(): HealthIndicatorResult {
    const check = this.indicators.check('durability');
    const { complaints } = this.membership.durability;
    return complaints.length === 0 ? check.up() : check.degraded({ message: complaints.join('; ') });
  }

  serving(): HealthIndicatorResult {
    const check = this.indicators.check('serving');
    return this.draining.announced.aborted ? check.down('this node is stopping') : check.up();
  }

  startup(): HealthIndicatorResult {
    const check = this.indicators.check('startup');
    return this.#hasStarted() ? check.up() : check.down('not yet among the nodes, or waiting for what came before');
  }

  /** A hold that comes later is told, but no reason to be sent nothing: all nodes hold then, and the rest serves. */
  #holdBack(service: string, holds: boolean, message: string): HealthIndicatorResult {
    const check = this.indicators.check(service);
    if (!holds) return check.up();
    return this.#hasStarted() ? check.degraded({ message }) : check.down(message);
  }

  /** Once everything has been ready to serve, this node has started, whatever comes later. */
  #hasStarted(): boolean {
    this.#started ||= this.membership.leaseStands() && !this.cache.holding && !this.locks.holding;
    return this.#started;
  }
}
