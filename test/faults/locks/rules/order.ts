import type { Incidents, Violation } from '../../round.js';
import { RECOVERY_MS } from '../bounds.js';
import { grantsOf, violation, type Call, type History, type Sample } from '../history.js';

export const ORDER = 'first come, first served';

/** Who was seen to wait behind another is not granted before him. @param calls those about the lock */
export function inOrder(history: History, name: string, calls: readonly Call[], incidents: Incidents): Violation[] {
  const told = new Set<Call>();
  return history.samples.flatMap((sample) => {
    if (sample.name !== name) return [];
    const { waiters } = sample;
    const waiting = waiters.map(({ owner }) => callAt(sample, owner, calls));
    return waiting.flatMap((second, place) => {
      if (!second || told.has(second) || second.answer?.ok !== true) return [];
      const overtaken = waiting.slice(0, place).find((first, ahead) => {
        // A run of shared waiters is offered the lock at once, and seen in any order.
        const run = waiters.slice(ahead, place + 1).every(({ mode }) => mode === 'shared');
        return first && !run && overtook(name, first, second, incidents);
      });
      if (!overtaken) return [];
      told.add(second);
      const what = `${second.owner} was granted ${name} before ${overtaken.owner}, who waited before it`;
      return [violation(ORDER, what, [sample, overtaken, second], history)];
    });
  });
}

/** The one call that can be seen to wait; undefined where it might be another. */
function callAt({ invoked, completed }: Sample, owner: string, calls: readonly Call[]): Call | undefined {
  const own = calls.filter((call) => call.owner === owner && call.invoked <= completed);
  const open = own.filter((call) => call.completed >= invoked);
  const [call] = open;
  if (open.length !== 1 || call?.kind !== 'acquire') return undefined;
  return own.some((other) => other !== call && other.outcome !== 'answered') ? undefined : call;
}

function overtook(name: string, first: Call, second: Call, incidents: Incidents): boolean {
  const end = Math.max(first.completed, second.completed);
  for (const { node, invoked } of [first, second]) {
    if (incidents.touched(node, invoked - RECOVERY_MS, end)) return false;
  }
  const tokenOf = (call: Call) => grantsOf(call).find((grant) => grant.name === name)?.token;
  const [mine, theirs] = [tokenOf(first), tokenOf(second)];
  if (theirs === undefined) return false;
  if (mine !== undefined) return mine > theirs;
  // It waited at least until then.
  if (first.answer?.reason === 'timeout') return second.completed < first.invoked + (first.waitMs ?? 0);
  return first.hungUp === true && second.completed < first.completed;
}
