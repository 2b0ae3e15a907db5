import type { JsonObject } from '../../cluster/index.js';
import type { Client } from './client.js';

/** The queues of a round, by how they are used. */
export interface Queues {
  /** Consumed by receipt. */
  readonly manual: string;
  /** Consumed without. */
  readonly auto: string;
  /** Priorities, delays and deduplication; consumed both ways. */
  readonly mixed: string;
  /** Of messages that are dead letters after two deliveries. */
  readonly short: string;
}

/** How far producers may be ahead of consumers; also what the drain at the end has to cope with. */
const MAX_AHEAD = 300;

/** How many messages were ready when somebody last looked. */
export interface Backlog {
  size: number;
}

export async function produce(client: Client, queues: Queues, backlog: Backlog): Promise<void> {
  const { chance } = client;
  while (!client.over) {
    await client.pause(10 + chance.below(40));
    if (backlog.size > MAX_AHEAD) continue;
    const { manual, auto, mixed, short } = queues;
    const queue = chance.of([manual, manual, auto, auto, auto, mixed, mixed, mixed, short]);
    const many = chance.happens(0.3);
    const messages = Array.from({ length: many ? 2 + chance.below(9) : 1 }, () => draw(client, queues, queue));
    const insist = chance.happens(0.75);
    const fields: JsonObject = {
      ...(many ? { messages } : messages[0]),
      ...(insist && { requestId: client.unique() }),
    };
    const hangUpMs = chance.happens(0.08) ? 1 + chance.below(15) : undefined;
    await client.call(many ? 'push-many' : 'push', queue, fields, { insist, hangUpMs });
  }
}

function draw(client: Client, queues: Queues, queue: string): JsonObject {
  const { chance } = client;
  const payload = { name: client.unique(), filling: [chance.below(1000), null, 'ä"\\'] };
  if (queue === queues.short) return { payload, maxDeliveries: 2 };
  if (queue !== queues.mixed) return { payload, maxDeliveries: 1000 };
  return {
    payload,
    maxDeliveries: 1000,
    priority: chance.of([0, 0, 5, 100]),
    ...(chance.happens(0.2) && { delayMs: 50 + chance.below(750) }),
    // One that other producers have too. The window outlives every round.
    ...(chance.happens(0.15) && { dedupId: String(chance.below(40)), dedupMs: 86_400_000 }),
  };
}
