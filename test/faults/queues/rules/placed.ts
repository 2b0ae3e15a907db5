import { UNLIMITED, askedOf, maxDeliveriesOf, type Delivery, type Message } from '../account.js';
import { CLOCK_MS, type LostPop } from '../certainty.js';
import type { Evidence } from '../evidence.js';
import type { Call } from '../history.js';

/** A message with a place of its own in the order: pushed once, without deduplication, and delivered. */
export interface Placed {
  readonly message: Message;
  readonly queue: string;
  readonly priority: number;
  readonly delayMs: number;
  /** Its place among those of its call. */
  readonly index: number;
  readonly pushed: { readonly call: Call; readonly invoked: number; readonly completed: number };
  /** From then on it was certainly ready. */
  readonly readyBy: number;
  /** The first delivery that was seen; none began before `begun`. */
  readonly first: Delivery;
  readonly begun: number;
}

/**
 * Whether a pop with receipts of which nobody was told may have taken a message of the queue between two times; it then
 * came back to the front, at once or when its visibility had run out.
 */
export function mayHold(lost: LostPop, queue: string, since: number, until: number): boolean {
  return !lost.auto && lost.call.queue === queue && lost.from < until && lost.to > since;
}

/** The messages of each queue that have a place. */
export function byQueue({ messages }: Evidence): Placed[][] {
  const queues = new Map<string, Placed[]>();
  for (const message of messages) {
    const placed = placeOf(message);
    if (placed) queues.set(message.queue, [...(queues.get(message.queue) ?? []), placed]);
  }
  return [...queues.values()];
}

function placeOf(message: Message): Placed | undefined {
  const [push] = message.pushes;
  const [first] = message.deliveries;
  if (!push || !first || message.pushes.length > 1 || maxDeliveriesOf(message) < UNLIMITED) return undefined;
  const asked = askedOf(push);
  if (asked['dedupId'] !== undefined) return undefined;
  const delayMs = Number(asked['delayMs'] ?? 0);
  const { call, index, invoked, completed } = push;
  return {
    message,
    queue: message.queue,
    priority: Number(asked['priority'] ?? 0),
    delayMs,
    index,
    pushed: { call, invoked, completed },
    readyBy: completed + (delayMs > 0 ? delayMs + CLOCK_MS : 0),
    first,
    begun: Math.min(...message.deliveries.map((one) => one.invoked)),
  };
}

/** @returns for each place the largest value up to it */
export function prefixMaxima(values: readonly number[]): number[] {
  let largest = -Infinity;
  return values.map((value) => (largest = Math.max(largest, value)));
}

/** @returns the place in a list by `readyBy` of the last that was ready before; -1 where none was */
export function lastBefore(sorted: readonly Placed[], time: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.readyBy ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
