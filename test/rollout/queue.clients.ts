import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../cluster/index.js';
import type { Caller } from './caller.js';

const QUEUES = {
  manual: { ack: 'manual', waitMs: 500, everyMs: 50, consumers: 3 },
  auto: { ack: 'auto', waitMs: 500, everyMs: 50, consumers: 2 },
  // So seldom that its pops wait for longer than a node's notice.
  seldom: { ack: 'manual', waitMs: 4000, everyMs: 4000, consumers: 2 },
} as const;
type Queue = keyof typeof QUEUES;

/** Producers and consumers, and an account of every message. */
export class QueueClients {
  readonly #pushed = new Set<string>();
  readonly #got = new Map<string, number>();
  readonly #done = new AbortController();

  constructor(private readonly caller: Caller) {}

  get messages(): number {
    return this.#pushed.size;
  }

  /** How many messages were not delivered. */
  get missing(): number {
    return this.#pushed.size - this.#got.size;
  }

  /** Until the clients are stopped, and every message has been taken or nothing comes any more. */
  async run(): Promise<void> {
    const queues = Object.keys(QUEUES) as Queue[];
    const producers = queues.map((queue) => this.#produce(queue));
    const consumers = queues.flatMap((queue) =>
      Array.from({ length: QUEUES[queue].consumers }, () => this.#consume(queue)),
    );
    await Promise.all(producers);
    this.#done.abort();
    await Promise.all(consumers);
    for (const [message, times] of this.#got) this.caller.check(times === 1, `${message} was delivered ${times} times`);
    for (const queue of queues) {
      const left = await this.caller.get(`/queue?queue=${queue}`);
      const none = left?.['ready'] === 0 && left['inflight'] === 0 && left['dead'] === 0;
      this.caller.check(none, `left in the queue: ${JSON.stringify(left)}`);
    }
  }

  async #produce(queue: Queue): Promise<void> {
    for (let number = 1; !this.caller.stopped.aborted; number += 1) {
      const payload = `${queue} ${number}`;
      this.#pushed.add(payload);
      const answer = await this.caller.post('/queue/push', { queue, payload });
      this.caller.check(answer?.['ok'] !== false, `push was refused: ${JSON.stringify(answer)}`);
      await pause(QUEUES[queue].everyMs, undefined, { signal: this.caller.stopped }).catch(() => undefined);
    }
  }

  async #consume(queue: Queue): Promise<void> {
    const { ack, waitMs } = QUEUES[queue];
    for (;;) {
      const last = this.#done.signal.aborted;
      const body = { queue, ack, waitMs: last ? 0 : waitMs };
      const answer = await (queue === 'seldom'
        ? this.caller.wait('/queue/pop', body)
        : this.caller.post('/queue/pop', body));
      if (answer?.['ok'] === true) await this.#take(queue, answer);
      else if (answer) this.caller.check(answer['reason'] === 'empty', `pop was refused: ${JSON.stringify(answer)}`);
      if (last && answer?.['ok'] !== true) return;
    }
  }

  async #take(queue: Queue, { item, receipt, deliveries }: JsonObject): Promise<void> {
    const message = item as string;
    this.caller.check(this.#pushed.has(message), `${message} was delivered and never pushed`);
    this.#got.set(message, (this.#got.get(message) ?? 0) + 1);
    if (QUEUES[queue].ack === 'auto') return;
    this.caller.check(deliveries === 1, `${message} came for the ${JSON.stringify(deliveries)}. time`);
    const answer = await this.caller.post('/queue/ack', { queue, receipt: receipt as string });
    if (answer)
      this.caller.check(answer['acked'] === 1, `${message} could not be acknowledged: ${JSON.stringify(answer)}`);
  }
}
