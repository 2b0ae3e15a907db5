import { Controller, Get, Inject, Res, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheckService, type HealthCheckResult, type HealthIndicatorFunction } from '@nestjs/terminus';
import type { Response } from 'express';
import { SETTINGS, type Settings } from '#lib/config';
import { NodeHealth } from './node.health.js';

/** GET /health as the contract has it, and Terminus's documents for probes. */
@Controller('health')
export class HealthController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly checks: HealthCheckService,
    private readonly node: NodeHealth,
  ) {}

  /** Whether this node should be sent requests, in one word. */
  @Get()
  health(@Res({ passthrough: true }) response: Response): { status: 'ok' | 'error'; node: string } {
    const ok = this.node.isReady();
    response.status(ok ? 200 : 503);
    return { status: ok ? 'ok' : 'error', node: this.settings.NODE_ID };
  }

  /** Whether this process works at all; Redis may be away. */
  @Get('live')
  live(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    return this.#check(response, [() => this.node.process()]);
  }

  /** Whether this node should be sent requests. */
  @Get('ready')
  ready(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    return this.#check(response, [
      () => this.node.redis(),
      () => this.node.lease(),
      () => this.node.locking(),
      () => this.node.caching(),
      () => this.node.durability(),
      () => this.node.serving(),
    ]);
  }

  /** Whether this node has been ready once. */
  @Get('startup')
  startup(@Res({ passthrough: true }) response: Response): Promise<HealthCheckResult> {
    return this.#check(response, [() => this.node.startup()]);
  }

  async #check(response: Response, indicators: HealthIndicatorFunction[]): Promise<HealthCheckResult> {
    try {
      return await this.checks.check(indicators);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      response.status(503);
      return error.getResponse() as HealthCheckResult;
    }
  }
}
