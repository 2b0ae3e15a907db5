import type { Incidents, Violation } from '../../round.js';
import { RECOVERY_MS, REDIS_TIMEOUT_MS, SLACK_MS } from '../bounds.js';
import { violation, type History } from '../history.js';

export const IN_TIME = 'answers in time';

/** Every call to a node with which nothing is wrong is answered, by the end of its wait plus Redis's timeout. */
export function answersInTime(history: History, incidents: Incidents): Violation[] {
  return history.calls.flatMap((call) => {
    const { node, owner, kind, invoked, completed, waitMs = 0, silent, hungUp } = call;
    const took = completed - invoked;
    const late = took > waitMs + REDIS_TIMEOUT_MS + SLACK_MS;
    if ((!late && silent !== true) || hungUp === true) return [];
    if (incidents.touched(node, invoked - RECOVERY_MS, completed)) return [];
    const after = `${Math.round(took)} ms, where it asked to wait for ${waitMs} ms`;
    const what = `${owner} had ${silent === true ? 'no answer' : 'the answer'} to its ${kind} after ${after}`;
    return [violation(IN_TIME, what, [call], history)];
  });
}
