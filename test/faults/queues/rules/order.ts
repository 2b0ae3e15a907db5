import type { Violation } from '../../round.js';
import { CLOCK_MS } from '../certainty.js';
import { violation, type Evidence } from '../evidence.js';
import { ofDelivery, ofPush } from '../story.js';
import { byQueue, lastBefore, mayHold, prefixMaxima, type Placed } from './placed.js';

/** First in, first out within a priority; higher priorities first. */
export function* order(evidence: Evidence): Iterable<Violation> {
  for (const placed of byQueue(evidence)) {
    const ready = placed.filter(({ readyBy }) => readyBy < Infinity).sort((a, b) => a.readyBy - b.readyBy);
    const last = prefixMaxima(ready.map(({ first }) => first.completed));
    for (const overtaker of placed) {
      const { first } = overtaker;
      for (let i = lastBefore(ready, first.completed); i >= 0; i -= 1) {
        // None of those that were ready before was delivered after.
        if ((last[i] ?? 0) < first.invoked) break;
        const passed = ready[i];
        if (
          !passed ||
          passed === overtaker ||
          !overtook(overtaker, passed) ||
          mayHaveBeenAway(passed, overtaker, evidence)
        )
          continue;
        const what = `${passed.message.key} was overtaken by ${overtaker.message.key}, of priority ${overtaker.priority}`;
        const events = [passed, overtaker].flatMap(({ message, first: got }) => [
          ...message.pushes.flatMap(ofPush),
          ...ofDelivery(got),
        ]);
        yield violation('order', what, events, evidence);
        break;
      }
    }
  }
}

/** Whether `late` was delivered before `early` although `early` was before it in the order. */
function overtook(late: Placed, early: Placed): boolean {
  // What came again comes ahead of the others.
  if ((late.first.number ?? 1) > 1) return false;
  const inOneAnswer = late.first.call === early.first.call && (early.first.number ?? 1) === 1;
  if (!(inOneAnswer ? late.first.index < early.first.index : late.first.completed < early.begun)) return false;
  if (late.priority > early.priority) return false;
  if (late.priority < early.priority) return early.readyBy + CLOCK_MS < late.first.invoked;
  if (late.delayMs > 0 || early.delayMs > 0) return false;
  if (late.pushed.call === early.pushed.call) return early.index < late.index;
  return early.pushed.completed < late.pushed.invoked;
}

/** Whether a pop without an answer can have had one of them: it comes back to the front of the queue. */
function mayHaveBeenAway(early: Placed, late: Placed, { lost }: Evidence): boolean {
  const from = Math.min(early.pushed.invoked, late.pushed.invoked);
  return lost.some((one) => mayHold(one, early.queue, from, late.first.completed));
}
