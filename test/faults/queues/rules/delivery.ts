import type { Violation } from '../../round.js';
import { mayHaveBeenDead, type Delivery, type Message } from '../account.js';
import { violation, type Evidence } from '../evidence.js';
import { ofCall, ofDelivery, ofMessage, ofUse } from '../story.js';

/**
 * Every acknowledged push is delivered, and stays until somebody acknowledges it. Messages of automatic pops without
 * an answer are gone: for each that may have taken one, one may be missing.
 */
export function* delivered(evidence: Evidence): Iterable<Violation> {
  const stuck = new Set(evidence.leftovers.map(({ queue }) => queue));
  const missing = new Map<string, Message[]>();
  for (const message of evidence.messages) {
    if (stuck.has(message.queue) || isConsumed(message)) continue;
    if (message.pushes.some(({ outcome }) => outcome === 'pushed') || message.deliveries.length > 0)
      missing.set(message.queue, [...(missing.get(message.queue) ?? []), message]);
  }
  for (const [queue, messages] of missing) {
    const takers = evidence.lost.filter(({ auto, call }) => auto && call.queue === queue);
    const taken = takers.reduce((sum, { count }) => sum + count, 0);
    if (messages.length <= taken) continue;
    const [first] = messages;
    const what =
      `${messages.length} messages of ${queue} were pushed and never consumed, ` +
      `where pops without an answer can have taken ${taken}`;
    if (first)
      yield violation(
        'delivered',
        what,
        [...ofMessage(first), ...takers.flatMap(({ call }) => ofCall(call))],
        evidence,
      );
  }
}

/** Acknowledged, or perhaps, or taken by an automatic pop. */
function isConsumed({ deliveries }: Message): boolean {
  return deliveries.some(
    ({ auto, uses }) => auto || uses.some(({ kind, outcome }) => kind === 'ack' && outcome !== 'stale'),
  );
}

/** The time from which a delivery's message is certainly gone, Infinity if it is not. */
function goneAt({ auto, completed, uses }: Delivery): number {
  if (auto) return completed;
  const acked = uses.find(({ kind, outcome }) => kind === 'ack' && outcome === 'ok');
  return acked?.attempt.completed ?? Infinity;
}

/** What was acknowledged, or taken without a receipt, is not delivered any more. */
export function* acknowledgedIsOver(evidence: Evidence): Iterable<Violation> {
  for (const message of evidence.messages) {
    const { key, deliveries } = message;
    const numbersGrow = !mayHaveBeenDead(message);
    for (const last of deliveries) {
      const gone = goneAt(last);
      // One more automatic delivery of the same message is the next rule's.
      const later = deliveries.find(
        (other) =>
          other !== last &&
          !(last.auto && other.auto) &&
          (other.invoked > gone ||
            (gone < Infinity && !last.auto && numbersGrow && (other.number ?? 0) > (last.number ?? 0))),
      );
      if (!later) continue;
      const how = last.auto ? 'taken without a receipt' : `acknowledged as delivery ${last.number}`;
      const events = [...[last, later].flatMap(ofDelivery), ...last.uses.map((use) => ofUse(last.receipt, use))];
      yield violation('acknowledged is over', `${key} was ${how} and delivered once more`, events, evidence);
      break;
    }
  }
}

/** An automatic message is delivered once; a message is acknowledged by one receipt, and a receipt is used once. */
export function* once(evidence: Evidence): Iterable<Violation> {
  for (const { key, deliveries } of evidence.messages) {
    const automatic = deliveries.filter(({ auto }) => auto);
    if (automatic.length > 1) {
      const what = `${key} was given to ${automatic.length} automatic pops`;
      yield violation('once', what, automatic.slice(0, 2).flatMap(ofDelivery), evidence);
    }
    const acknowledged = deliveries.filter((delivery) => !delivery.auto && goneAt(delivery) < Infinity);
    const taken = [...acknowledged, ...automatic.slice(0, 1)];
    if (acknowledged.length > 0 && taken.length > 1) {
      const events = taken.flatMap((one) => [...ofDelivery(one), ...one.uses.map((use) => ofUse(one.receipt, use))]);
      yield violation('once', `${key} was consumed ${taken.length} times`, events, evidence);
    }
    for (const delivery of deliveries) {
      const { uses, receipt } = delivery;
      const ends = uses.filter(({ kind, outcome }) => kind !== 'extend' && outcome === 'ok');
      const calls = new Set(ends.map(({ call }) => call));
      const acks = ends.filter(({ kind }) => kind === 'ack');
      if (calls.size < 2 && acks.length < 2) continue;
      const events = [...ofDelivery(delivery), ...uses.map((use) => ofUse(receipt, use))];
      yield violation('once', `a receipt of ${key} was accepted ${ends.length} times`, events, evidence);
    }
  }
}
