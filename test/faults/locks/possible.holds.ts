import type { Incidents } from '../round.js';
import { CLOCK_MS, RECOVERY_MS, REDIS_TIMEOUT_MS, SLACK_MS } from './bounds.js';
import { asks, byOwner, grantsOf, type Call } from './history.js';
import type { Span } from './spans.js';

/** A time in which an owner may hold a lock. */
export interface PossibleHold {
  readonly owner: string;
  readonly from: number;
  readonly to: number;
  readonly call: Call;
}

/** So soon a hold is taken back whose client hung up. */
const TAKEN_BACK_MS = REDIS_TIMEOUT_MS + SLACK_MS;
/** So long an answer may lie unread before it is lost with its connection. */
const UNREAD_MS = 250;

/** Every time in which someone may hold the lock. @param calls those about it, in the order of their beginning */
export function possibleHolds(name: string, calls: readonly Call[], incidents: Incidents): PossibleHold[] {
  return [...byOwner(calls).values()].flatMap((own) => {
    const leaseMs = Math.max(0, ...own.map((call) => call.leaseMs ?? 0));
    return own.flatMap((call): PossibleHold[] => {
      const span = spanOf(name, call, own, leaseMs, incidents);
      const spans = [...(span ? [span] : []), ...unheard(call, incidents)];
      return spans.map((one) => ({ owner: call.owner, ...one, call }));
    });
  });
}

/** When a call that was not answered clearly can no longer take effect: its node may have been held up meanwhile. */
function settled({ node, invoked, completed, waitMs = 0 }: Call, { all }: Incidents): number {
  const work = REDIS_TIMEOUT_MS + SLACK_MS;
  let end = Math.max(completed, invoked + waitMs) + work;
  for (const { nodes, redis, from, to } of [...all].sort((a, b) => a.from - b.from)) {
    if ((redis || nodes.includes(node)) && from < end && to > invoked) end = Math.max(end, to + waitMs + work);
  }
  return end;
}

/**
 * Holds that a wait may have had and lost before its answer: where the answer to its confirmation was lost, it goes on
 * waiting, and the lease may be over when its node reaches Redis again. No call ends with such a hold left behind.
 */
function unheard(
  { kind, node, outcome, invoked, completed, waitMs = 0, leaseMs = 0 }: Call,
  { all }: Incidents,
): Span[] {
  if (kind !== 'acquire' || outcome !== 'answered' || waitMs === 0) return [];
  return all
    .filter((one) => (one.redis || one.nodes.includes(node)) && one.from <= completed && one.to >= invoked)
    .map(({ from, to }) => ({
      from: Math.max(invoked, from - UNREAD_MS),
      to: Math.min(completed, to + leaseMs),
    }));
}

function spanOf(
  name: string,
  call: Call,
  own: readonly Call[],
  leaseMs: number,
  incidents: Incidents,
): Span | undefined {
  const { invoked, completed, outcome, kind, answer } = call;
  if (outcome === 'nothing' || kind === 'release') return undefined;
  if (outcome === 'unclear') {
    if (!takenBack(name, call, own, incidents)) return { from: invoked, to: settled(call, incidents) + leaseMs };
    return { from: takenEarly(name, call) ? invoked : completed - REDIS_TIMEOUT_MS, to: completed + TAKEN_BACK_MS };
  }
  const released = own.find((other) => other.invoked >= completed && ends(other))?.completed ?? Infinity;
  const to = Math.min(completed + leaseMs, released) + CLOCK_MS;
  if (asks(call) && grantsOf(call).length > 0) {
    return { from: takenEarly(name, call) ? invoked : invoked + (answer?.waitedMs ?? 0) - CLOCK_MS, to };
  }
  if (kind === 'renew') return answer?.renewed?.includes(name) === true ? { from: invoked, to } : undefined;
  if (kind === 'acquire') return undefined;
  // Of several, those before the one that refused were taken, and are given back before the answer.
  if (mayHaveLeftParts(call, incidents)) {
    return { from: invoked, to: settled(call, incidents) + leaseMs };
  }
  return isBefore(name, answer?.name ?? '') ? { from: invoked, to: completed } : undefined;
}

/**
 * Whether an acquisition of several may have left what it took before it was refused: what cannot be given back stands
 * unconfirmed for as long as an offer, and is its owner's if he asks for it meanwhile.
 */
export function mayHaveLeftParts({ kind, node, invoked, completed, answer }: Call, incidents: Incidents): boolean {
  return kind === 'acquire-many' && answer?.ok === false && incidents.touched(node, invoked, completed);
}

/** Whether a client hung up on a node with which nothing was wrong, and had nothing before that it would keep. */
function takenBack(name: string, call: Call, own: readonly Call[], incidents: Incidents): boolean {
  if (call.hungUp !== true) return false;
  if (incidents.touched(call.node, call.invoked - RECOVERY_MS, call.completed + TAKEN_BACK_MS)) return false;
  const before = own.filter((other) => other.invoked < call.invoked);
  const asked = before.filter((other) => asks(other) && other.outcome !== 'nothing');
  return asked.every((other) => {
    if (other.outcome === 'unclear') return false;
    const granted = grantsOf(other).some((grant) => grant.name === name);
    return !granted || before.some((later) => later.invoked >= other.completed && ends(later));
  });
}

/** Of several, all but the last in the order of their bytes are kept while the call waits for the rest. */
function takenEarly(name: string, { kind, locks }: Call): boolean {
  return kind === 'acquire-many' && locks.some((other) => isBefore(name, other.name));
}

function isBefore(name: string, other: string): boolean {
  return Buffer.compare(Buffer.from(name), Buffer.from(other)) < 0;
}

function ends({ kind, outcome, answer }: Call): boolean {
  return kind === 'release' && outcome === 'answered' && answer?.reason !== 'stale_token';
}
