import type { Violation } from '../../round.js';
import { asks, violation, type Call, type History } from '../history.js';

export const CYCLE = 'a deadlock is a cycle';

/** The answer `deadlock` names who waits for what, the victim first, and all of them can have waited then. */
export function deadlocks(history: History): Violation[] {
  return history.calls.flatMap((call) => {
    const { answer, owner, locks } = call;
    if (answer?.reason !== 'deadlock') return [];
    const cycle = answer.cycle ?? [];
    const victim = cycle[0];
    const strange = cycle.find((entry) => !mayWait(history, entry, call));
    const what =
      victim?.owner !== owner || !locks.some(({ name }) => name === victim.waitsFor)
        ? `${owner} was refused for a cycle that does not begin with it`
        : strange && `${owner} was refused for a cycle with ${strange.owner}, who did not wait for ${strange.waitsFor}`;
    return what === undefined ? [] : [violation(CYCLE, what, [call], history)];
  });
}

function mayWait({ calls }: History, { owner, waitsFor }: { owner: string; waitsFor: string }, refused: Call): boolean {
  return calls.some(
    (call) =>
      call.owner === owner &&
      asks(call) &&
      call.locks.some(({ name }) => name === waitsFor) &&
      call.invoked < refused.completed &&
      (call.completed > refused.invoked || call.outcome !== 'answered'),
  );
}
