import type { Violation } from '../../round.js';
import { maxDeliveriesOf, type Delivery } from '../account.js';
import { CLOCK_MS, deadlineOf, endsDelivery, mayBeUsed } from '../certainty.js';
import { violation, type Evidence } from '../evidence.js';
import type { Call } from '../history.js';
import { ofDelivery, ofUse } from '../story.js';

/** Nobody else gets a message before its visibility has run out, unless it was given back. */
export function* visibility(evidence: Evidence): Iterable<Violation> {
  for (const { key, deliveries } of evidence.messages) {
    const manual = deliveries.filter(({ auto }) => !auto);
    for (const first of manual) {
      const keptUntil = keptAtLeastUntil(first, evidence);
      for (const other of deliveries) {
        // Which of the two came first is known if it is neither the automatic one, which is the last, nor overlapping.
        if (other === first || other.completed <= first.invoked || other.completed >= keptUntil - CLOCK_MS) continue;
        const otherKept = other.auto ? Infinity : keptAtLeastUntil(other, evidence);
        if (first.completed >= otherKept - CLOCK_MS) continue;
        const early = keptUntil - other.completed;
        const events = [
          ...ofDelivery(first),
          ...first.uses.map((use) => ofUse(first.receipt, use)),
          ...ofDelivery(other),
        ];
        yield violation('visibility', `${key} was delivered again ${early.toFixed(0)} ms too early`, events, evidence);
      }
    }
  }
}

/** Before this time nobody else can have got the message. */
function keptAtLeastUntil(delivery: Delivery, { incidents }: Evidence): number {
  // The return of a last delivery makes a dead letter, which a redrive makes ready at once.
  const isLast = (delivery.number ?? 0) >= maxDeliveriesOf(delivery.message);
  const returned = delivery.uses.filter(endsDelivery).map(({ kind, attempt, call }) => {
    const delayMs = kind === 'nack' && !isLast ? Number(call.body['delayMs'] ?? 0) : 0;
    return attempt.invoked + delayMs;
  });
  return Math.min(deadlineOf(delivery, incidents).earliest, ...returned);
}

/** A receipt is good while its visibility lasts, and for no longer. */
export function* receipts(evidence: Evidence): Iterable<Violation> {
  const { incidents } = evidence;
  for (const { key, deliveries } of evidence.messages) {
    for (const delivery of deliveries) {
      const { earliest } = deadlineOf(delivery, incidents);
      for (const use of delivery.uses) {
        const { attempt, outcome, kind } = use;
        const early =
          outcome === 'stale' && attempt.completed < earliest - CLOCK_MS && !mayBeUsed(delivery, attempt.completed);
        const late =
          outcome === 'ok' &&
          !isRepeated(use.call) &&
          attempt.invoked > latestBefore(delivery, attempt.invoked, evidence);
        if (!early && !late) continue;
        const events = [...ofDelivery(delivery), ...delivery.uses.map((one) => ofUse(delivery.receipt, one))];
        const what = early ? 'refused before its visibility had run out' : 'accepted after its visibility had run out';
        yield violation('visibility', `${kind} of a receipt of ${key} was ${what}`, events, evidence);
      }
    }
  }
}

/** A nack that is repeated is told what the first was told, however late. */
function isRepeated({ kind, attempts }: Call): boolean {
  return kind === 'nack' && attempts.length > 1;
}

/** The latest time at which the delivery can have ended, as seen from what began before. */
function latestBefore(delivery: Delivery, before: number, { incidents }: Evidence): number {
  const uses = delivery.uses.filter(({ attempt }) => attempt.invoked < before);
  return deadlineOf({ ...delivery, uses }, incidents).latest + CLOCK_MS;
}
