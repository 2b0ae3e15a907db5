import type { Incidents, Violation } from '../round.js';
import { accountOf, type Account, type Message } from './account.js';
import { lostPops, type LostPop } from './certainty.js';
import type { Leftover } from './drain.js';
import type { Call } from './history.js';
import { tell, type Event } from './story.js';

/** What a healthy node may take beside what it must, on a machine that is shared. */
export const BUSY_MS = 2500;

/** What a round left behind, to be judged. */
export interface Record {
  readonly calls: readonly Call[];
  readonly incidents: Incidents;
  /** What the drain at the end could not take. */
  readonly leftovers: readonly Leftover[];
  /** When the round began. */
  readonly start: number;
}

/** A record with what follows from it. */
export interface Evidence extends Record {
  readonly account: Account;
  /** Those of which nothing was pushed before Redis last lost its data: of others nothing is promised. */
  readonly messages: readonly Message[];
  readonly lost: readonly LostPop[];
  /** The largest figures so far, for the report. */
  readonly figures: Map<string, number>;
}

/** A rule looks at the evidence and tells each thing that must not be. */
export type Rule = (evidence: Evidence) => Iterable<Violation>;

export function evidenceOf(record: Record): Evidence {
  const account = accountOf(record.calls);
  const lastLoss = Math.max(-Infinity, ...record.incidents.all.filter(({ loss }) => loss).map(({ to }) => to));
  return {
    ...record,
    account,
    messages: account.messages.filter(({ pushes }) => pushes.every(({ invoked }) => invoked > lastLoss)),
    lost: lostPops(record.calls, record.incidents),
    figures: new Map(),
  };
}

export function violation(rule: string, what: string, events: readonly Event[], { start }: Evidence): Violation {
  return { rule, what, history: tell(events, start) };
}

export function note({ figures }: Evidence, figure: string, value: number): void {
  figures.set(figure, Math.max(figures.get(figure) ?? 0, Math.round(value)));
}
