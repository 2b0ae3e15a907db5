import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LEASE_MS } from '#lib/membership';
import { startRedis, type TestRedis } from '../cluster/index.js';
import type { IncidentLog, Ongoing } from './incidents.js';

/** The fault of an incident that is the machine's own. */
export const MACHINE = 'machine';

const EVERY_MS = 25;
/** Later than this the machine keeps processes or their disk waiting. A quarter of what a node allows Redis. */
const LATE_MS = 250;
/** A node that was kept waiting for long may have lost its lease, and takes up to this for the next. */
const SETTLED_MS = 1000;

/**
 * Tells what the machine does from what the nodes do: writes again and again to a Redis that nobody else uses, from the
 * process of the clients. While that is late, so is everything, and no bound of time can be held against a node.
 */
export class Witness {
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  private constructor(
    private readonly redis: TestRedis,
    private readonly client: Redis,
    incidents: () => IncidentLog,
    nodes: readonly string[],
  ) {
    this.#watching = this.#watch(incidents, nodes);
  }

  /** @param incidents where a stall is written down when it begins */
  static async start(incidents: () => IncidentLog, nodes: readonly string[]): Promise<Witness> {
    const redis = await startRedis();
    return new Witness(redis, new Redis(redis.url), incidents, nodes);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    this.client.disconnect();
    await this.redis.stop();
  }

  async #watch(incidents: () => IncidentLog, nodes: readonly string[]): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const from = performance.now();
      let stall: Ongoing | undefined;
      const late = setTimeout(() => {
        stall = incidents().begin({ fault: MACHINE, nodes, redis: true, from });
      }, LATE_MS);
      await pause(EVERY_MS);
      await this.client.set('witness', from);
      clearTimeout(late);
      stall?.over(performance.now() - from < LEASE_MS / 2 ? 0 : SETTLED_MS);
    }
  }
}
