import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { SETTINGS, type Settings } from '#lib/config';
import { QueueAdminService, type QueueStats } from '#lib/queue';
import { METRICS, type Metrics } from './metrics.table.js';

/** Two readings of the metrics within this time see the same. */
const FRESH_MS = 1000;

/** Depth and age of the first QUEUE_METRICS_MAX queues by name, looked up when the metrics are read. */
@Injectable()
export class QueueDepth implements OnModuleInit {
  #look: { readonly at: number; readonly queues: Promise<readonly QueueStats[]> } | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(METRICS) private readonly metrics: Metrics,
    private readonly queues: QueueAdminService,
  ) {}

  onModuleInit(): void {
    this.#collect(this.metrics.queueMessages, (gauge, { queue, ready, delayed, inflight, dead }) => {
      for (const [state, count] of Object.entries({ ready, delayed, inflight, dead }))
        gauge.set({ queue, state }, count);
    });
    this.#collect(this.metrics.queueOldest, (gauge, { queue, oldestMs }) => {
      gauge.set({ queue }, (oldestMs ?? 0) / 1000);
    });
  }

  /** A queue that is gone, and all of them while Redis is away, are not shown. */
  #collect(gauge: Gauge, set: (gauge: Gauge, stats: QueueStats) => void): void {
    Object.assign(gauge, {
      collect: async () => {
        const queues = await this.#stats();
        gauge.reset();
        for (const stats of queues) set(gauge, stats);
      },
    });
  }

  async #stats(): Promise<readonly QueueStats[]> {
    const limit = this.settings.QUEUE_METRICS_MAX;
    if (limit === 0) return [];
    if (!this.#look || performance.now() - this.#look.at >= FRESH_MS) {
      const queues = this.queues.list({ limit }).then(
        (page) => page.queues,
        () => [],
      );
      this.#look = { at: performance.now(), queues };
    }
    return await this.#look.queues;
  }
}
