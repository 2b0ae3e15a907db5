import type { Incidents, Violation } from '../../round.js';
import { CHECK_MS, DEAD_MS, OFFER_MS, RECOVERY_MS, SLACK_MS } from '../bounds.js';
import { asks, at, violation, type Call, type History } from '../history.js';
import type { PossibleHold } from '../possible.holds.js';
import { without, type Span } from '../spans.js';

export const IDLE = 'nobody waits for nobody';
/** An offer lapses only where its node fell silent, and who waits on such a node is not looked at. */
const MOST_MS = CHECK_MS + SLACK_MS;
/** Nothing is handed on for so long after Redis lost its data: the longest lease of the clients, and the others' news. */
const GRACE_MS = 5000;

/** The longest time for which a lock was free although someone waited for it. */
export interface Idle {
  readonly ms: number;
  readonly violation?: Violation;
}

/**
 * While someone waits on a node with which nothing is wrong and nobody can hold the lock, it is handed on.
 * @param calls those about the lock
 */
export function idle(
  history: History,
  name: string,
  calls: readonly Call[],
  possible: readonly PossibleHold[],
  incidents: Incidents,
): Idle {
  const waiting = calls.filter((call) => waits(call) && !touched(call, incidents));
  const away = incidents.all.filter(({ redis }) => redis);
  const free = without(waiting.map(spanOf), [
    ...possible,
    ...calls.filter((call) => asks(call) && touched(call, incidents)).map((call) => offerable(call, incidents)),
    ...away.map(({ from, to, loss }) => ({ from, to: to + (loss ? GRACE_MS : RECOVERY_MS) })),
  ]);
  let longest: Span = { from: 0, to: 0 };
  for (const span of free) if (span.to - span.from > longest.to - longest.from) longest = span;
  const ms = longest.to - longest.from;
  if (ms <= MOST_MS) return { ms };
  const { from, to } = longest;
  const waited = fewest(waiting, longest);
  const before = possible.filter((hold) => hold.to <= from).sort((a, b) => b.to - a.to)[0];
  const what = `from ${at(from, history)} to ${at(to, history)} nobody can have held ${name}, while ${waited.map(({ owner }) => owner).join(', ')} waited`;
  return { ms, violation: violation(IDLE, what, [...(before ? [before.call] : []), ...waited], history) };
}

/** As few of the waits as fill the time. */
function fewest(waiting: readonly Call[], { from, to }: Span): Call[] {
  const chosen: Call[] = [];
  for (let reached = from; reached < to;) {
    const next = waiting
      .filter(({ invoked, completed }) => invoked <= reached && completed > reached)
      .reduce<Call | undefined>((last, call) => (last && last.completed >= call.completed ? last : call), undefined);
    if (!next) break;
    chosen.push(next);
    reached = next.completed;
  }
  return chosen;
}

function waits({ kind, waitMs = 0, outcome, hungUp }: Call): boolean {
  return kind === 'acquire' && waitMs > 0 && (outcome === 'answered' || hungUp === true);
}

function touched({ node, invoked, completed }: Call, incidents: Incidents): boolean {
  return incidents.touched(node, invoked - RECOVERY_MS, completed);
}

function spanOf({ invoked, completed }: Call): Span {
  return { from: invoked, to: completed };
}

/** To whoever waits on a node that fell silent the lock may be offered, until others give up on the node. */
function offerable({ node, invoked, completed }: Call, { all }: Incidents): Span {
  const ends = all
    .filter((one) => one.nodes.includes(node) && one.from < completed && one.to > invoked - RECOVERY_MS)
    .map(({ from, to }) => Math.min(to, from + DEAD_MS));
  return { from: invoked, to: Math.max(completed, ...ends) + OFFER_MS };
}
