import type { Incidents, Violation } from '../../round.js';
import type { Hold } from '../certain.holds.js';
import { at, violation, type History } from '../history.js';

export const LOST = 'a hold is lost';

/** Whoever certainly holds a lock is not told that he does not, unless Redis lost its data. */
export function lostHolds(history: History, holds: readonly Hold[], incidents: Incidents): Violation[] {
  return holds.flatMap(({ ended, until, owner, name, by, mode, token }) => {
    if (ended?.outcome !== 'answered' || until <= ended.completed) return [];
    const { kind, answer, invoked, completed } = ended;
    const wanted = ended.locks.find((lock) => lock.name === name);
    const granted = answer?.tokens?.[name] ?? answer?.token;
    const stands =
      kind === 'acquire-many'
        ? answer?.ok !== true || granted === token || (mode === 'shared' && wanted?.mode === 'exclusive')
        : kind === 'acquire'
          ? answer?.ok === true && (granted === token || (mode === 'shared' && wanted?.mode === 'exclusive'))
          : answer?.ok === true;
    if (stands) return [];
    if (incidents.all.some(({ loss, from, to }) => loss && from < completed && to > by.invoked)) return [];
    const what = `${owner} asked at ${at(invoked, history)} and was told that it does not hold ${name} with token ${token}, although it does until ${at(until, history)}`;
    return [violation(LOST, what, [by, ended], history)];
  });
}
