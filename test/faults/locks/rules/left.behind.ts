import type { Violation } from '../../round.js';
import { at, violation, type Call, type History } from '../history.js';
import type { PossibleHold } from '../possible.holds.js';

export const LEFT_BEHIND = 'a hold is left behind';

/** Nobody is seen to hold a lock whom no call can have given it: refused, released, or over. */
export function leftBehind(
  history: History,
  name: string,
  calls: readonly Call[],
  possible: readonly PossibleHold[],
): Violation[] {
  const told = new Set<string>();
  return history.samples.flatMap((sample) => {
    if (sample.name !== name) return [];
    return sample.holders.flatMap(({ owner, token }) => {
      const may = possible.some(
        (hold) => hold.owner === owner && hold.from <= sample.completed && hold.to >= sample.invoked,
      );
      // The same one is seen again and again.
      const key = `${token} ${owner}`;
      if (may || told.has(key)) return [];
      told.add(key);
      const last = calls.filter((call) => call.owner === owner && call.invoked < sample.completed).slice(-2);
      const what = `${owner} is seen to hold ${name} at ${at(sample.invoked, history)}, as no call of its can have made it`;
      return [violation(LEFT_BEHIND, what, [...last, sample], history)];
    });
  });
}
