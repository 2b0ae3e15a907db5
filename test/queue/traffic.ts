import { randomUUID } from 'node:crypto';
import { Chance } from '../chance.js';
import type { Answer, Json, TestCluster } from '../cluster/index.js';

/** What a consumer got. */
interface Delivered {
  readonly item: number;
  readonly receipt: string;
}

export interface TrafficOptions {
  readonly queue: string;
  readonly messages: number;
  readonly producers: number;
  readonly consumers: number;
  /** Consumers die at some point between receive and acknowledge in this part of their deliveries. */
  readonly deathRate?: number;
  readonly visibilityMs?: number;
  /** Messages of one pop and of one push. */
  readonly batch?: number;
  readonly seed?: number;
}

/**
 * Producers and consumers on all nodes of a cluster, and an account of what became of each message. A call without a
 * clear answer is made again, on the next node: pushes under their requestId.
 */
export class Traffic {
  /** How often each message was delivered. */
  readonly deliveries = new Map<number, number>();
  readonly acknowledged = new Set<number>();
  /** Its acknowledgement may have happened: it was sent and not answered. */
  readonly perhaps = new Set<number>();
  /** Messages that came again though their acknowledgement had been answered before they were asked for. */
  readonly violations: number[] = [];
  pushed = 0;
  deaths = 0;
  retried = 0;
  #next = 0;
  readonly #chance: Chance;

  constructor(
    private readonly cluster: TestCluster,
    private readonly options: TrafficOptions,
  ) {
    this.#chance = new Chance(options.seed ?? 1);
  }

  /** Until every message has been acknowledged, or perhaps. */
  async run(signal?: AbortSignal): Promise<void> {
    const { producers, consumers } = this.options;
    await Promise.all([
      ...Array.from({ length: producers }, async (_, number) => {
        await this.#produce(number, signal);
      }),
      ...Array.from({ length: consumers }, async (_, number) => {
        await this.#consume(number, signal);
      }),
    ]);
  }

  get done(): boolean {
    return this.pushed === this.options.messages && this.missing === 0;
  }

  /** How many were neither acknowledged nor perhaps. */
  get missing(): number {
    const known = new Set([...this.acknowledged, ...this.perhaps]);
    return this.options.messages - known.size;
  }

  async #produce(number: number, signal: AbortSignal | undefined): Promise<void> {
    const { queue, messages, batch = 10 } = this.options;
    while (this.#next < messages && signal?.aborted !== true) {
      const first = this.#next;
      const count = Math.min(batch, messages - first);
      this.#next += count;
      const list = Array.from({ length: count }, (_, index) => ({ payload: first + index, maxDeliveries: 1000 }));
      const body = { queue, messages: list, requestId: randomUUID() };
      await this.#insist(number, '/queue/push-many', body, signal);
      this.pushed += count;
    }
  }

  async #consume(number: number, signal: AbortSignal | undefined): Promise<void> {
    const { queue, visibilityMs = 30_000, batch = 10, deathRate = 0 } = this.options;
    let turn = number;
    while (!this.done && signal?.aborted !== true) {
      turn += 1;
      const known = new Set(this.acknowledged);
      const body = { queue, ack: 'manual', visibilityMs, count: batch, waitMs: 300 };
      const deliveries = await this.#pop(turn, body, deathRate);
      for (const { item } of deliveries) {
        this.deliveries.set(item, (this.deliveries.get(item) ?? 0) + 1);
        if (known.has(item)) this.violations.push(item);
      }
      // Dead between receive and acknowledge: nobody speaks of these again.
      const alive = deliveries.filter(() => !this.#chance.happens(deathRate));
      this.deaths += deliveries.length - alive.length;
      if (alive.length > 0) await this.#acknowledge(turn, alive, deathRate);
    }
  }

  async #pop(turn: number, body: Json, deathRate: number): Promise<Delivered[]> {
    try {
      const answer = await this.#post(turn, '/queue/pop', body, deathRate / 2);
      return (answer.body['messages'] ?? []) as unknown as Delivered[];
    } catch {
      return [];
    }
  }

  async #acknowledge(turn: number, deliveries: Delivered[], deathRate: number): Promise<void> {
    const receipts = deliveries.map(({ receipt }) => receipt);
    try {
      const answer = await this.#post(turn + 1, '/queue/ack', { queue: this.options.queue, receipts }, deathRate / 2);
      if (answer.status !== 200) throw new Error(answer.text);
      const stale = new Set((answer.body['stale'] ?? []) as string[]);
      for (const { item, receipt } of deliveries) if (!stale.has(receipt)) this.acknowledged.add(item);
    } catch {
      for (const { item } of deliveries) this.perhaps.add(item);
    }
  }

  /** One call to the node whose turn it is; its client hangs up in the middle in this part of the cases. */
  async #post(turn: number, path: string, body: Json, hangUpRate: number): Promise<Answer> {
    const node = this.cluster.node(1 + (turn % this.cluster.nodes.length));
    if (!this.#chance.happens(hangUpRate)) return await node.post(path, body);
    this.deaths += 1;
    return await node.post(path, body, { signal: AbortSignal.timeout(1 + Math.floor(this.#chance.next() * 20)) });
  }

  async #insist(number: number, path: string, body: Json, signal: AbortSignal | undefined): Promise<void> {
    for (let turn = number; signal?.aborted !== true; turn += 1) {
      try {
        const answer = await this.#post(turn, path, body, 0);
        if (answer.status === 200 && answer.body['ok'] === true) return;
        if (answer.status !== 503) throw new Error(`${path} was answered ${answer.status} ${answer.text}`);
      } catch (error) {
        // fetch fails with a TypeError where the node is away.
        if (!(error instanceof TypeError)) throw error;
      }
      this.retried += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
