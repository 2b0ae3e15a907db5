import type { JsonObject } from '../../cluster/index.js';
import type { Client } from './client.js';

interface Delivered {
  readonly receipt: string;
}

/** How a consumer works. */
export interface Habits {
  readonly queue: string;
  /** Part of its pops that ask for no receipt. */
  readonly auto: number;
  /** Part of its deliveries that it gives back, in one way or another. */
  readonly returns: number;
  /** Part of its pops that it hangs up on. Where nobody does, order and redelivery can be judged most narrowly. */
  readonly hangUps: number;
}

/** Consumes until the round is over; what it does late is done when this returns. */
export async function consume(client: Client, habits: Habits): Promise<void> {
  const { chance } = client;
  const later: Promise<void>[] = [];
  while (!client.over) {
    // They rest now and then, so that messages gather and have an order.
    await client.pause(chance.happens(0.08) ? 300 + chance.below(500) : 5 + chance.below(35));
    if (chance.happens(habits.auto)) await pop(client, habits, { ack: 'auto' });
    else {
      const visibilityMs = 500 + chance.below(1000);
      const answer = await pop(client, habits, { ack: 'manual', visibilityMs });
      await settle(client, habits, deliveriesOf(answer), visibilityMs, later);
    }
    if (habits.returns > 0 && chance.happens(0.01)) await redrive(client, habits.queue);
  }
  await Promise.all(later);
}

async function pop(client: Client, { queue, hangUps }: Habits, fields: JsonObject): Promise<JsonObject | undefined> {
  const { chance } = client;
  const waitMs = chance.happens(0.5) ? 100 + chance.below(1900) : 0;
  const insist = chance.happens(0.4);
  const hangUpMs = chance.happens(hangUps) ? 1 + chance.below(waitMs === 0 ? 10 : 400) : undefined;
  const body: JsonObject = {
    ...fields,
    ...(chance.happens(0.6) && { count: 1 + chance.below(8) }),
    ...(waitMs > 0 && { waitMs }),
    ...(insist && { requestId: client.unique() }),
  };
  return await client.call('pop', queue, body, { insist, hangUpMs });
}

function deliveriesOf(answer: JsonObject | undefined): readonly Delivered[] {
  if (answer?.['ok'] !== true) return [];
  return (answer['messages'] ?? [answer]) as unknown as readonly Delivered[];
}

async function redrive(client: Client, queue: string): Promise<void> {
  await client.call('redrive', queue, { requestId: client.unique() }, { insist: true });
}

async function settle(
  client: Client,
  { queue, returns }: Habits,
  deliveries: readonly Delivered[],
  visibilityMs: number,
  later: Promise<void>[],
): Promise<void> {
  const { chance } = client;
  const done: string[] = [];
  for (const { receipt } of deliveries) {
    if (chance.happens(returns)) await giveBack(client, queue, receipt);
    else if (chance.happens(0.06)) {
      // Dead with the receipt in hand.
    } else if (chance.happens(0.05)) {
      later.push(acknowledgeLate(client, queue, receipt, visibilityMs + 50 + chance.below(300)));
    } else {
      if (chance.happens(0.06)) await client.call('extend', queue, { receipt, visibilityMs: 300 + chance.below(900) });
      done.push(receipt);
    }
  }
  const [receipt] = done;
  if (receipt === undefined) return;
  const body = done.length === 1 && chance.happens(0.7) ? { receipt } : { receipts: done };
  const hangUpMs = chance.happens(0.03) ? 1 + chance.below(8) : undefined;
  await client.call('ack', queue, body, { insist: chance.happens(0.6), hangUpMs });
  if (chance.happens(0.03)) await client.call('ack', queue, { receipt });
}

async function giveBack(client: Client, queue: string, receipt: string): Promise<void> {
  const { chance } = client;
  const insist = chance.happens(0.5);
  const how = chance.of([{}, { delayMs: 50 + chance.below(450) }, { dead: true }]);
  await client.call('nack', queue, { receipt, ...how, ...(insist && { requestId: client.unique() }) }, { insist });
}

async function acknowledgeLate(client: Client, queue: string, receipt: string, afterMs: number): Promise<void> {
  await client.pause(afterMs);
  await client.call('ack', queue, { receipt });
}
