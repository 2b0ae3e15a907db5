import type { JsonObject, TestNode } from '../../cluster/index.js';
import type { Round } from '../round.js';
import type { Client } from './client.js';

/** How long a healthy cluster may take to hand out what a round left. */
const DRAIN_MS = 20_000;

/** What a queue looked like when its time was over. */
export interface Leftover {
  readonly queue: string;
  readonly stats: JsonObject;
}

/**
 * Takes and acknowledges until every node says that nothing is left: ready, delayed, in flight or dead.
 * @returns what was left when the time was over
 */
export async function drain(client: Client, queue: string, { nodes }: Round): Promise<Leftover | undefined> {
  const deadline = performance.now() + DRAIN_MS;
  let left: JsonObject | undefined = {};
  while (left && performance.now() < deadline) {
    await client.call('redrive', queue, { requestId: client.unique() }, { insist: true });
    const body = { ack: 'manual', count: 100, visibilityMs: 10_000, waitMs: 300, requestId: client.unique() };
    const answer = await client.call('pop', queue, body, { insist: true });
    const receipts = ((answer?.['messages'] ?? []) as readonly JsonObject[]).map((message) => message['receipt'] ?? '');
    if (receipts.length > 0) await client.call('ack', queue, { receipts }, { insist: true });
    else left = (await Promise.all(nodes.map(async (node) => await statsOf(node, queue)))).find((of) => !isEmpty(of));
  }
  return left && { queue, stats: left };
}

/** An empty queue is deleted; the next round has others. */
export async function remove(node: TestNode, queue: string): Promise<void> {
  await node.request('DELETE', `/queue?queue=${encodeURIComponent(queue)}`);
}

/** @returns what the node says of a queue, without fields where it says nothing */
export async function statsOf(node: TestNode, queue: string): Promise<JsonObject> {
  const signal = AbortSignal.timeout(3000);
  try {
    return (await node.get(`/queue?queue=${encodeURIComponent(queue)}`, { signal })).body;
  } catch {
    return {};
  }
}

function isEmpty(stats: JsonObject): boolean {
  return ['ready', 'delayed', 'inflight', 'dead'].every((state) => stats[state] === 0);
}
