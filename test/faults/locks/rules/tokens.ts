import type { Incidents, Violation } from '../../round.js';
import type { Hold } from '../certain.holds.js';
import { byName, grantsOf, violation, type Call, type GrantOf, type History } from '../history.js';
import { mayHaveLeftParts } from '../possible.holds.js';

export const TOKENS = 'fencing tokens';

/** Tokens grow from grant to grant and from hold to hold, and none belongs to two owners. */
export function tokens(history: History, holds: readonly Hold[], incidents: Incidents): Violation[] {
  return [...byName(history)].flatMap(([name, calls]) => {
    const grants = calls.flatMap((call) => grantsOf(call).filter((grant) => grant.name === name));
    const of = holds.filter((hold) => hold.name === name);
    return [
      ...shared(history, grants),
      ...growing(history, calls, grants, incidents),
      ...inOrderOfHolding(history, of),
    ];
  });
}

function shared(history: History, grants: readonly GrantOf[]): Violation[] {
  const owners = new Map<number, GrantOf>();
  return grants.flatMap((grant) => {
    const first = owners.get(grant.token);
    if (!first) owners.set(grant.token, grant);
    if (!first || first.call.owner === grant.call.owner) return [];
    const what = `${first.call.owner} and ${grant.call.owner} were both given token ${grant.token} of ${grant.name}`;
    return [violation(TOKENS, what, [first.call, grant.call], history)];
  });
}

/** A grant that was asked for after another had been answered has the larger token. */
function growing(
  history: History,
  calls: readonly Call[],
  grants: readonly GrantOf[],
  incidents: Incidents,
): Violation[] {
  const answered = [...grants].sort((a, b) => a.call.completed - b.call.completed);
  const known = new Set<string>();
  let highest: GrantOf | undefined;
  let next = 0;
  return grants.flatMap((grant) => {
    const { call, token, mode } = grant;
    for (let other = answered[next]; other && other.call.completed < call.invoked; other = answered[(next += 1)]) {
      if (!highest || other.token > highest.token) highest = other;
    }
    const key = JSON.stringify([call.owner, token]);
    const again = known.has(key);
    known.add(key);
    if (!highest || token > highest.token || again) return [];
    // An earlier call, of which nothing was heard, may have made this hold while others shared the lock.
    if (mode === 'shared' && calls.some((one) => mayHaveMade(one, call, incidents))) return [];
    const what = `${call.owner} was given token ${token} of ${grant.name} after ${highest.call.owner} had ${highest.token}`;
    return [violation(TOKENS, what, [highest.call, ...callsBefore(calls, call), call], history)];
  });
}

/** What the owner did before, for whoever looks for where he has the token from. */
function callsBefore(calls: readonly Call[], { owner, invoked }: Call): Call[] {
  return calls.filter((one) => one.owner === owner && one.invoked < invoked);
}

function mayHaveMade(one: Call, { owner, invoked }: Call, incidents: Incidents): boolean {
  if (one.owner !== owner || one.invoked >= invoked) return false;
  return one.outcome === 'unclear' || mayHaveLeftParts(one, incidents);
}

/** Of two holds that exclude each other, the later one has the larger token. */
function inOrderOfHolding(history: History, holds: readonly Hold[]): Violation[] {
  let exclusive: Hold | undefined;
  let any: Hold | undefined;
  return [...holds]
    .sort((a, b) => a.from - b.from)
    .flatMap((hold) => {
      const earlier = hold.mode === 'exclusive' ? any : exclusive;
      if (hold.mode === 'exclusive' && !(exclusive && exclusive.token >= hold.token)) exclusive = hold;
      if (!(any && any.token >= hold.token)) any = hold;
      if (!earlier || earlier.token < hold.token || earlier.owner === hold.owner) return [];
      const what = `${hold.owner} holds ${hold.name} with token ${hold.token} later than ${earlier.owner} with ${earlier.token}`;
      return [violation(TOKENS, what, [earlier.by, hold.by], history)];
    });
}
