import { isDeepStrictEqual } from 'node:util';
import type { Violation } from '../../round.js';
import { mayHaveBeenDead, maxDeliveriesOf, type Message } from '../account.js';
import { violation, type Evidence } from '../evidence.js';
import { clarityOf, invokedAt, isRepeatable } from '../history.js';
import { ofCall, ofDelivery, ofMessage } from '../story.js';

/** What is delivered was pushed, as it is, and is one message under one id; so are all with the same dedupId. */
export function* identity(evidence: Evidence): Iterable<Violation> {
  const { messages, account } = evidence;
  for (const ghost of account.ghosts)
    yield violation('no ghosts', `${ghost.key} was never pushed`, ofMessage(ghost), evidence);
  for (const message of messages) {
    const what = wrongWith(message);
    if (what) yield violation('no ghosts', `${message.key} ${what}`, ofMessage(message), evidence);
  }
}

function wrongWith({ pushes, deliveries }: Message): string | undefined {
  if (deliveries.length > 0 && pushes.every(({ outcome }) => outcome === 'refused')) return 'was refused and delivered';
  const ids = new Set([...pushes, ...deliveries].map(({ id }) => id).filter((id) => id !== undefined));
  if (ids.size > 1) return `has ${ids.size} ids: ${[...ids].join(', ')}`;
  const strange = deliveries.find(({ payload }) => !pushes.some((push) => isDeepStrictEqual(push.payload, payload)));
  if (strange) return `came back as ${JSON.stringify(strange.payload)}`;
  if (new Set(deliveries.map(({ payload }) => JSON.stringify(payload))).size > 1) return 'has two payloads';
  const pushed = pushes.filter(({ outcome }) => outcome === 'pushed');
  if (pushed.filter(({ duplicate }) => !duplicate).length > 1) return 'was twice told to be new';
  const duplicate = pushed.find(
    (one) => one.duplicate && !pushes.some((other) => other !== one && other.invoked < one.completed),
  );
  if (duplicate) return 'was told to be a duplicate of nothing';
  return undefined;
}

/**
 * A repetition under the same requestId is answered with the first answer, if that changed something and Redis has not
 * lost it since.
 */
export function* repetition(evidence: Evidence): Iterable<Violation> {
  const losses = evidence.incidents.all.filter(({ loss }) => loss);
  for (const call of evidence.account.calls) {
    const end = call.attempts.at(-1)?.completed ?? Infinity;
    if (!isRepeatable(call) || losses.some(({ from, to }) => from < end && to > invokedAt(call))) continue;
    const answers = call.attempts.filter((attempt) => clarityOf(attempt) === 'clear').map(({ answer }) => answer?.body);
    const [first, ...others] = answers;
    if (first?.['ok'] !== true || others.every((other) => isDeepStrictEqual(other, first))) continue;
    yield violation('no doubles', `a repeated ${call.kind} was answered differently`, ofCall(call), evidence);
  }
}

/** Deliveries are counted: each number once, growing, and none above maxDeliveries. */
export function* counts(evidence: Evidence): Iterable<Violation> {
  for (const message of evidence.messages) {
    const limit = maxDeliveriesOf(message);
    const manual = message.deliveries.filter(({ auto }) => !auto);
    const beyond = manual.find(({ number = 0 }) => number > limit || number < 1);
    if (beyond) {
      const what = `${message.key} was delivered as number ${beyond.number} of at most ${limit}`;
      yield violation('counts', what, ofMessage(message), evidence);
    }
    if (mayHaveBeenDead(message)) continue;
    for (const one of manual) {
      const wrong = manual.find(
        (other) =>
          other !== one &&
          (other.number === one.number || (other.completed < one.invoked && (other.number ?? 0) > (one.number ?? 0))),
      );
      if (!wrong) continue;
      const what = `${message.key} was delivered as number ${wrong.number} and then as ${one.number}`;
      yield violation('counts', what, [wrong, one].flatMap(ofDelivery), evidence);
      break;
    }
  }
}

/** At the end everything can be taken, and every node then says that nothing is left. */
export function* drained(evidence: Evidence): Iterable<Violation> {
  for (const { queue, stats } of evidence.leftovers) {
    const what = `${queue} could not be emptied: ${JSON.stringify(stats)}`;
    const last = evidence.account.calls.filter((call) => call.queue === queue).slice(-5);
    yield violation('counts', what, last.flatMap(ofCall), evidence);
  }
}

/** No other answer than those that the contract gives to calls that are right. */
export function* expectedAnswers(evidence: Evidence): Iterable<Violation> {
  for (const call of evidence.account.calls) {
    for (const attempt of call.attempts) {
      const { ok, reason } = attempt.answer?.body ?? {};
      const clarity = clarityOf(attempt);
      const known = ok === true || reason === (call.kind === 'pop' ? 'empty' : 'stale_receipt');
      if (clarity !== 'unexpected' && (clarity !== 'clear' || known)) continue;
      const what = `a ${call.kind} was answered ${attempt.answer?.status} ${JSON.stringify(attempt.answer?.body)}`;
      yield violation('unexpected answer', what, ofCall(call), evidence);
    }
  }
}
