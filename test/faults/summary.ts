import type { RoundResult } from './campaign.js';
import type { Service } from './faults.js';
import type { Versions } from './versions.js';

/** What is kept of a run of the campaign, and added up over several. */
export interface Summary {
  readonly runs: readonly RunOfCampaign[];
  /** With which a further run goes on. */
  readonly nextSeed: number;
  readonly rounds: number;
  readonly rows: readonly Row[];
  /** By service: the longest of the times, and the sum of all else. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly sharedWriteMs: number;
  /** How long the machine itself kept everything waiting. */
  readonly stalledMs: number;
  readonly violations: readonly FoundViolation[];
  readonly known: readonly HuntResult[];
}

/** Rounds that were run in one go. */
interface RunOfCampaign extends Versions {
  readonly command: string;
  readonly seed: number;
  readonly minutes: number;
  readonly rounds: number;
}

/** A build with a known fault, and in which round it was caught, if at all. */
export interface HuntResult {
  readonly name: string;
  readonly service: Service;
  readonly rule: string;
  readonly under?: string;
  readonly round?: number;
}

/** What a service went through under a fault. */
export interface Row {
  readonly service: Service;
  /** `none`, or `mixed` where several happened at once. */
  readonly fault: string;
  readonly rounds: number;
  readonly operations: number;
  readonly ambiguous: number;
  readonly injected: number;
  /** The longest time after the end of a cause until a node that it touched served again. */
  readonly longestRecoveryMs: number;
  /** The longest time for which some node, asked again and again, gave no good answer; the fault itself included. */
  readonly longestOutageMs: number;
  readonly violations: number;
}

interface FoundViolation {
  readonly service: string;
  readonly fault: string;
  readonly rule: string;
  readonly what: string;
  readonly history: readonly string[];
  readonly seed: number;
  /** Runs it again. */
  readonly command: string;
}

export const nothing: Summary = {
  runs: [],
  nextSeed: 1,
  rounds: 0,
  rows: [],
  figures: {},
  sharedWriteMs: 0,
  stalledMs: 0,
  violations: [],
  known: [],
};

/** The name of a round's faults in the report. */
export function faultOf({ plan: { faults } }: RoundResult): string {
  return faults.length > 1 ? 'mixed' : (faults[0]?.name ?? 'none');
}

/** @returns the summary with one more round in it */
export function withRound(summary: Summary, result: RoundResult): Summary {
  const { plan, outcomes, availability } = result;
  const fault = faultOf(result);
  const rows = plan.services.map((service): Row => {
    const { operations = 0, ambiguous = 0 } = outcomes[service] ?? {};
    const violations = result.violations.filter((one) => one.service === service || one.service === 'all');
    return {
      service,
      fault,
      rounds: 1,
      operations,
      ambiguous,
      injected: result.injected,
      longestRecoveryMs: Math.round(availability.recoveryMs[service]),
      longestOutageMs: Math.round(availability.outageMs[service]),
      violations: violations.length,
    };
  });
  const figures = Object.fromEntries(plan.services.map((service) => [service, outcomes[service]?.figures ?? {}]));
  return {
    ...summary,
    nextSeed: plan.seed + 1,
    rounds: summary.rounds + 1,
    rows: addRows(summary.rows, rows),
    figures: addFigures(summary.figures, figures),
    sharedWriteMs: Math.max(summary.sharedWriteMs, Math.round(availability.sharedWriteMs)),
    stalledMs: summary.stalledMs + Math.round(result.stalledMs),
    violations: [
      ...summary.violations,
      ...result.violations.map(({ service, rule, what, history }) => {
        return { service, fault, rule, what, history, seed: plan.seed, command: commandOf(result) };
      }),
    ],
  };
}

/** @returns both as if they had been one run */
export function together(one: Summary, other: Summary): Summary {
  return {
    runs: [...one.runs, ...other.runs],
    nextSeed: other.runs.length > 0 ? other.nextSeed : one.nextSeed,
    rounds: one.rounds + other.rounds,
    rows: addRows(one.rows, other.rows),
    figures: addFigures(one.figures, other.figures),
    sharedWriteMs: Math.max(one.sharedWriteMs, other.sharedWriteMs),
    stalledMs: one.stalledMs + other.stalledMs,
    violations: [...one.violations, ...other.violations],
    known: [...one.known.filter((hunted) => !other.known.some((again) => isSame(hunted, again))), ...other.known],
  };
}

function isSame(one: HuntResult, other: HuntResult): boolean {
  return one.service === other.service && one.name === other.name;
}

/** @returns what runs one round again: the same clients and faults, though not the same moments */
function commandOf({ plan: { seed, faults, services } }: RoundResult): string {
  const names = faults.length > 0 ? faults.map(({ name }) => name).join() : 'none';
  const mixed = faults.length > 1 ? ' --mixed' : '';
  return `npm run test:faults -- --rounds 1 --seed ${seed} --faults ${names}${mixed} --services ${services.join()}`;
}

function addRows(rows: readonly Row[], more: readonly Row[]): readonly Row[] {
  const sum = new Map(rows.map((row) => [`${row.service} ${row.fault}`, row]));
  for (const row of more) {
    const key = `${row.service} ${row.fault}`;
    const before = sum.get(key);
    sum.set(key, before ? addRow(before, row) : row);
  }
  return [...sum.values()];
}

function addRow(one: Row, other: Row): Row {
  return {
    ...one,
    rounds: one.rounds + other.rounds,
    operations: one.operations + other.operations,
    ambiguous: one.ambiguous + other.ambiguous,
    injected: one.injected + other.injected,
    longestRecoveryMs: Math.max(one.longestRecoveryMs, other.longestRecoveryMs),
    longestOutageMs: Math.max(one.longestOutageMs, other.longestOutageMs),
    violations: one.violations + other.violations,
  };
}

function addFigures(one: Summary['figures'], other: Summary['figures']): Summary['figures'] {
  const all: Record<string, Record<string, number>> = {};
  for (const [service, figures] of [...Object.entries(one), ...Object.entries(other)]) {
    const kept = (all[service] ??= {});
    for (const [name, value] of Object.entries(figures)) {
      const before = kept[name] ?? 0;
      kept[name] = name.startsWith('longest') ? Math.max(before, value) : before + value;
    }
  }
  return all;
}
