import type { Violation } from '../../round.js';
import { UNLIMITED, maxDeliveriesOf, mayHaveBeenDead, type Delivery, type Message } from '../account.js';
import { CLOCK_MS, RECOVERY_MS, deadlineOf, endsDelivery } from '../certainty.js';
import { BUSY_MS, note, violation, type Evidence } from '../evidence.js';
import { invokedAt } from '../history.js';
import { ofCall, ofDelivery, ofPush } from '../story.js';
import { mayHold } from './placed.js';

/** The contract's bound for a delivery whose visibility has run out. */
const REDELIVERED_MS = 1000;
const SLACK_MS = 200;

/**
 * A message whose visibility has run out comes again within a second, ahead of those that wait: a pop that begins after
 * that may neither find nothing nor get one that was pushed later, and one that waits gets it. Judged where nothing was
 * wrong meanwhile and no pop without an answer can have it.
 */
export function* redeliveredInTime(evidence: Evidence): Iterable<Violation> {
  const pops = popsOf(evidence);
  for (const message of evidence.messages) {
    if (maxDeliveriesOf(message) < UNLIMITED) continue;
    for (const delivery of message.deliveries) {
      if (delivery.auto || delivery.uses.some(endsDelivery)) continue;
      const others = message.deliveries.filter((one) => one !== delivery && one.completed > delivery.invoked);
      // Where it never came again, the rule that everything is consumed speaks.
      const [next] = others;
      if (!next || !isUndisturbed(delivery, next, evidence)) continue;
      const { latest } = deadlineOf(delivery, evidence.incidents);
      const events = [...message.pushes.flatMap(ofPush), ...[delivery, next].flatMap(ofDelivery)];
      if (next.invoked <= latest) {
        const late = next.completed - latest;
        note(evidence, 'longest redelivery to a waiting pop after the visibility, ms', late);
        if (late > REDELIVERED_MS + BUSY_MS) {
          const what = `${message.key} came to a waiting pop ${late.toFixed(0)} ms after its visibility`;
          yield violation('redelivered in time', what, events, evidence);
        }
      }
      const from = latest + REDELIVERED_MS + SLACK_MS;
      const until = Math.min(...others.map(({ invoked }) => invoked));
      const passedBy = pops.find(
        ({ queue, invoked, completed, taken }) =>
          queue === message.queue && invoked > from && completed < until && taken.every((one) => waited(one, delivery)),
      );
      if (!passedBy) continue;
      const what = `${message.key} was passed by by a pop that began more than a second after its visibility`;
      yield violation('redelivered in time', what, [...events, ...ofCall(passedBy.call)], evidence);
    }
  }
}

/** Pops with a clear answer, and what was in it. */
function popsOf({ account }: Evidence) {
  const taken = new Map(account.calls.filter(({ kind }) => kind === 'pop').map((call) => [call, [] as Delivery[]]));
  for (const { deliveries } of [...account.messages, ...account.ghosts])
    for (const delivery of deliveries) taken.get(delivery.call)?.push(delivery);
  return [...taken].flatMap(([call, deliveries]) => {
    const answer = call.attempts[0]?.answer;
    if (answer?.status !== 200 || call.attempts.length > 1) return [];
    const completed = call.attempts[0]?.completed ?? Infinity;
    return [{ call, queue: call.queue, invoked: invokedAt(call), completed, taken: deliveries }];
  });
}

/** Whether a message certainly waited for its first delivery while the other's visibility ran out. */
function waited({ message, number }: Delivery, other: Delivery): boolean {
  return number === 1 && !mayHaveBeenDead(message) && firstPushOf(message) > other.completed;
}

function firstPushOf({ pushes }: Message): number {
  return Math.min(...pushes.map(({ invoked }) => invoked));
}

function isUndisturbed(delivery: Delivery, next: Delivery, { incidents, lost }: Evidence): boolean {
  return (
    !incidents.all.some(({ from, to }) => from < next.completed && to + RECOVERY_MS > delivery.invoked - CLOCK_MS) &&
    !lost.some((one) => mayHold(one, delivery.message.queue, delivery.invoked, next.completed))
  );
}
