import type { Incidents } from '../round.js';
import type { Delivery, Use } from './account.js';
import { clarityOf, clearAttempt, isRepeatable, waitOf, type Attempt, type Call } from './history.js';

/** Clocks of one machine read in different processes, and milliseconds that are rounded. */
export const CLOCK_MS = 25;
/** Within this of its last sign of life on a healthy node, a call that nobody waits for is carried out or forgotten. */
const SETTLED_MS = 3000;
/** How long after a fault was healed a node may still be busy with it. */
export const RECOVERY_MS = 1000;

/** When the delivery ends of itself, if nothing was heard of it since: at the earliest and at the latest. */
export function deadlineOf(delivery: Delivery, incidents: Incidents): { earliest: number; latest: number } {
  const extensions = delivery.uses.filter(({ kind, outcome }) => kind === 'extend' && outcome !== 'stale');
  const certain = extensions.filter(({ outcome }) => outcome === 'ok');
  const mayBeLast = extensions.filter(
    (one) => !certain.some((other) => one.outcome === 'ok' && one.attempt.completed < other.attempt.invoked),
  );
  const ofExtensions = mayBeLast.map(({ call, attempt, outcome }) => {
    const visibilityMs = Number(call.body['visibilityMs']);
    const done = outcome === 'ok' ? attempt.completed : settledAt(attempt, incidents);
    return { earliest: attempt.invoked + visibilityMs, latest: done + visibilityMs };
  });
  const { invoked, completed, visibilityMs } = delivery;
  // An extension moves the deadline, also nearer: that of the pop itself counts only while none is certain.
  const ofPop = certain.length > 0 ? [] : [{ earliest: invoked + visibilityMs, latest: completed + visibilityMs }];
  const all = [...ofPop, ...ofExtensions];
  return {
    earliest: Math.min(...all.map(({ earliest }) => earliest)),
    latest: Math.max(...all.map(({ latest }) => latest)),
  };
}

/** Whether a receipt was used up, or may have been, by an attempt that began before. */
export function mayBeUsed({ uses }: Delivery, before: number): boolean {
  return uses.some((use) => use.attempt.invoked < before && endsDelivery(use));
}

export function endsDelivery({ kind, outcome }: Use): boolean {
  return kind !== 'extend' && outcome !== 'stale';
}

/**
 * When an attempt without an answer has certainly happened or will not any more: it may have lain in a node that hung,
 * or on a link that was cut, until that was healed.
 */
function settledAt({ node, invoked, completed }: Attempt, { all }: Incidents): number {
  let until = completed;
  for (;;) {
    const touching = all.filter(
      (one) =>
        (one.redis || one.nodes.includes(node)) && one.from < until + SETTLED_MS && one.to + RECOVERY_MS > invoked,
    );
    const healed = Math.max(until, ...touching.map(({ to }) => to + RECOVERY_MS));
    if (healed === until) return until + SETTLED_MS;
    until = healed;
  }
}

/** Messages that a pop may have taken without anybody being told. */
export interface LostPop {
  readonly call: Call;
  readonly auto: boolean;
  readonly count: number;
  /** It took them between these times, if at all. */
  readonly from: number;
  readonly to: number;
}

/** All pops that may have taken messages without anybody being told. */
export function lostPops(calls: readonly Call[], incidents: Incidents): LostPop[] {
  return calls.filter(({ kind }) => kind === 'pop').flatMap((call) => lostBy(call, incidents));
}

function lostBy(call: Call, incidents: Incidents): LostPop[] {
  const auto = call.body['ack'] !== 'manual';
  // What is told to a repetition is what was taken.
  if (auto && isRepeatable(call) && clearAttempt(call)?.answer?.body['ok'] === true) return [];
  const count = Number(call.body['count'] ?? 1);
  return call.attempts
    .filter((attempt) => clarityOf(attempt) === 'unclear' || hidesOutage(call, attempt, incidents))
    .map((attempt) => ({ call, auto, count, from: attempt.invoked, to: settledAt(attempt, incidents) }));
}

/**
 * A waiting pop goes on by itself after an outage, in which it may have lost an answer of Redis. One without receipts
 * says so, unless it has got something since.
 */
function hidesOutage(call: Call, attempt: Attempt, incidents: Incidents): boolean {
  const { node, invoked, completed, answer, refused } = attempt;
  if (refused || waitOf(call) === 0) return false;
  if (call.body['ack'] !== 'manual' && answer?.body['ok'] !== true) return false;
  return incidents.touched(node, invoked - RECOVERY_MS, completed);
}
