import type { Incidents, Violation } from '../round.js';
import { certainHolds } from './certain.holds.js';
import { byName, type History } from './history.js';
import { possibleHolds } from './possible.holds.js';
import { answersInTime } from './rules/answers.js';
import { deadlocks } from './rules/deadlocks.js';
import { exclusion } from './rules/exclusion.js';
import { idle } from './rules/idle.js';
import { leftBehind } from './rules/left.behind.js';
import { lostHolds } from './rules/lost.holds.js';
import { inOrder } from './rules/order.js';
import { tokens } from './rules/tokens.js';

export interface Judgement {
  readonly violations: readonly Violation[];
  /** The longest time for which a lock was free although someone waited for it. */
  readonly longestIdleMs: number;
}

/** Holds what the clients saw against what the locks promise (docs of the HTTP interface, Locks). */
export function judge(history: History, incidents: Incidents): Judgement {
  const holds = certainHolds(history, incidents);
  const violations = [
    ...exclusion(history, holds, incidents),
    ...tokens(history, holds, incidents),
    ...lostHolds(history, holds, incidents),
    ...answersInTime(history, incidents),
    ...deadlocks(history),
  ];
  let longestIdleMs = 0;
  for (const [name, calls] of byName(history)) {
    const possible = possibleHolds(name, calls, incidents);
    violations.push(...leftBehind(history, name, calls, possible), ...inOrder(history, name, calls, incidents));
    const free = idle(history, name, calls, possible, incidents);
    longestIdleMs = Math.max(longestIdleMs, free.ms);
    if (free.violation) violations.push(free.violation);
  }
  return { violations, longestIdleMs };
}
