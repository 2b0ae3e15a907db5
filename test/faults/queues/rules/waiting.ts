import type { Violation } from '../../round.js';
import { CLOCK_MS, RECOVERY_MS } from '../certainty.js';
import { BUSY_MS, note, violation, type Evidence } from '../evidence.js';
import { clarityOf, clearAttempt, waitOf } from '../history.js';
import { ofCall, ofDelivery, ofPush } from '../story.js';
import { byQueue, lastBefore, mayHold, prefixMaxima } from './placed.js';

/** A wake-up that is lost costs so much: a pop then looks by itself. */
const RECHECK_MS = 1250;
/** What a node allows Redis, unless set otherwise. */
const REDIS_TIMEOUT_MS = 1000;

/** A node that nothing is wrong with answers in time: the wait that was asked for, and what Redis may take. */
export function* inTime(evidence: Evidence): Iterable<Violation> {
  const { account, incidents } = evidence;
  for (const call of account.calls) {
    for (const attempt of call.attempts) {
      const { node, invoked, completed } = attempt;
      if (attempt.hungUp || incidents.touched(node, invoked - RECOVERY_MS, completed)) continue;
      const late = completed - invoked - waitOf(call);
      if (clarityOf(attempt) === 'clear')
        note(evidence, 'longest answer of an untouched node beside its wait, ms', late);
      if (late <= REDIS_TIMEOUT_MS + BUSY_MS) continue;
      const what = `${node} took ${late.toFixed(0)} ms for a ${call.kind}, beside its wait, with nothing wrong`;
      yield violation('answered in time', what, ofCall(call), evidence);
    }
  }
}

/** A pop is not answered `empty` while a message is certainly ready, and one that waits gets what arrives. */
export function* readyIsGiven(evidence: Evidence): Iterable<Violation> {
  const { account, incidents, lost } = evidence;
  const empty = account.calls.filter(
    (call) => call.kind === 'pop' && clearAttempt(call)?.answer?.body['reason'] === 'empty',
  );
  for (const placed of byQueue(evidence)) {
    const ready = placed.filter(({ readyBy }) => readyBy < Infinity).sort((a, b) => a.readyBy - b.readyBy);
    const last = prefixMaxima(ready.map(({ begun }) => begun));
    for (const call of empty) {
      const clear = clearAttempt(call);
      if (!clear || call.queue !== ready[0]?.queue) continue;
      // A pop that waits looks once more at its end.
      const looked = clear.invoked + Math.max(waitOf(call) - CLOCK_MS, 0);
      for (let i = lastBefore(ready, looked); i >= 0 && (last[i] ?? 0) > clear.completed; i -= 1) {
        const one = ready[i];
        if (!one || one.begun <= clear.completed) continue;
        if (lost.some((pop) => mayHold(pop, call.queue, one.pushed.invoked, clear.completed))) continue;
        const what = `${one.message.key} was ready, and a pop was answered empty`;
        const events = [...one.message.pushes.flatMap(ofPush), ...ofDelivery(one.first), ...ofCall(call)];
        yield violation('answered in time', what, events, evidence);
        break;
      }
    }
    for (const one of ready) {
      const { first, readyBy, message } = one;
      const since = Math.max(readyBy, first.call.attempts[0]?.invoked ?? 0);
      const waits = waitOf(first.call) > 0 && first.call.attempts.length === 1 && (first.number ?? 1) === 1;
      if (!waits || incidents.touched(first.node, since - RECOVERY_MS, first.completed)) continue;
      if (lost.some((pop) => mayHold(pop, message.queue, one.pushed.invoked, first.completed))) continue;
      const late = first.completed - since;
      note(evidence, 'longest hand-over to a waiting pop, ms', late);
      if (late <= RECHECK_MS + BUSY_MS) continue;
      const what = `${message.key} was ready for ${late.toFixed(0)} ms while the pop waited that got it`;
      yield violation('answered in time', what, [...message.pushes.flatMap(ofPush), ...ofDelivery(first)], evidence);
    }
  }
}
