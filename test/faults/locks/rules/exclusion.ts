import type { Incidents, Violation } from '../../round.js';
import type { Hold } from '../certain.holds.js';
import { at, grantsOf, violation, type Call, type History } from '../history.js';
import { mayHaveLeftParts } from '../possible.holds.js';

export const EXCLUSION = 'mutual exclusion';

/** No two holds that exclude each other are certain at one time, and no more shared ones than the limit of a grant. */
export function exclusion(history: History, holds: readonly Hold[], incidents: Incidents): Violation[] {
  const found: Violation[] = [];
  const active = new Map<string, Hold[]>();
  for (const hold of [...holds].sort((a, b) => a.from - b.from)) {
    const others = (active.get(hold.name) ?? []).filter(({ to }) => to > hold.from);
    for (const other of others) {
      if (other.owner === hold.owner || (other.mode === 'shared' && hold.mode === 'shared')) continue;
      const what = `${other.owner} (${other.mode}) and ${hold.owner} (${hold.mode}) both hold ${hold.name} from ${at(hold.from, history)} to ${at(Math.min(other.to, hold.to), history)}`;
      found.push(violation(EXCLUSION, what, [...shown(other), ...shown(hold)], history));
    }
    active.set(hold.name, [...others, hold]);
  }
  return [...found, ...overLimit(history, holds, incidents)];
}

function overLimit(history: History, holds: readonly Hold[], incidents: Incidents): Violation[] {
  const asked = new Set<string>();
  return history.calls.flatMap((call) =>
    grantsOf(call).flatMap(({ name, limit }) => {
      // What an owner has already, or may have, is not counted anew.
      const key = JSON.stringify([call.owner, name]);
      const before = asked.has(key);
      asked.add(key);
      if (limit === undefined || before || mayHaveBefore(history, call, name, incidents)) return [];
      const others = holds.filter(
        (hold) =>
          hold.name === name && hold.owner !== call.owner && hold.from < call.invoked && hold.to > call.completed,
      );
      if (new Set(others.map(({ owner }) => owner)).size < limit) return [];
      const what = `${call.owner} was granted ${name} with limit ${limit} beside ${others.length} others`;
      return [violation(EXCLUSION, what, [call, ...others.flatMap(shown)], history)];
    }),
  );
}

function mayHaveBefore({ calls }: History, { owner, invoked }: Call, name: string, incidents: Incidents): boolean {
  return calls.some(
    (call) =>
      call.owner === owner &&
      call.invoked < invoked &&
      (call.outcome === 'unclear' || mayHaveLeftParts(call, incidents)) &&
      call.locks.some((lock) => lock.name === name),
  );
}

function shown({ by, ended }: Hold): Call[] {
  return ended ? [by, ended] : [by];
}
