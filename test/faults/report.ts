import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faults } from './faults.js';
import { nothing, type Row, type Summary } from './summary.js';

const PAGE = 'faults.md';
const DATA = 'faults.json';
/** What the campaign found is written by hand, with the seed and what mended it. */
const FOUND = 'faults.found.md';

/** @returns what an earlier run left in the directory */
export function readSummary(directory: string): Summary {
  const path = join(directory, DATA);
  return existsSync(path) ? { ...nothing, ...(JSON.parse(readFileSync(path, 'utf8')) as Partial<Summary>) } : nothing;
}

/** Writes the page and the data into the directory. */
export function writeReport(directory: string, summary: Summary): void {
  mkdirSync(directory, { recursive: true });
  const found = join(directory, FOUND);
  writeFileSync(join(directory, PAGE), pageOf(summary, existsSync(found) ? readFileSync(found, 'utf8') : ''));
  writeFileSync(join(directory, DATA), `${JSON.stringify(summary, null, 2)}\n`);
}

/** The page of docs/results. */
function pageOf(summary: Summary, found: string): string {
  const { runs, rows, figures, violations, known } = summary;
  const minutes = runs.reduce((sum, run) => sum + run.minutes, 0);
  const operations = rows.reduce((sum, row) => sum + row.operations, 0);
  const caught = known.filter(({ round }) => round !== undefined);
  return [
    '# The fault campaign',
    `<!-- Written by npm run test:faults, which takes the part by hand from ${FOUND}; the figures are in ${DATA}. -->`,
    `Three nodes and a Redis as processes, a TCP proxy between each node and Redis, seeded clients of all services on all
     nodes, faults alone and mixed; every call is recorded, and judges say whether what was promised held
     ([GUARANTEES.md](../GUARANTEES.md)).`,
    `In all ${minutes.toFixed(0)} minutes, ${summary.rounds} rounds, ${number(operations)} operations,
     **${violations.length} violations**. ${caught.length} of ${known.length} builds with a known fault were caught by
     the rule meant.`,
    `The machine itself stalled for ${(summary.stalledMs / 1000).toFixed(1)} s of this time: a Redis that nobody else
     uses was slow to answer. Calls of these moments are held against no bound of time.`,
    '## Runs',
    `Added up below. A round's seed says which fault it has, and what clients and faults do; each round of a run has the
     seed after the last one's.`,
    table(
      ['first seed', 'rounds', 'minutes', 'date', 'commit', 'Node', 'Redis', 'command'],
      runs.map(({ seed, rounds, minutes: m, date, commit, node, redis, command }) => {
        return [seed, rounds, m.toFixed(1), date, commit, node, redis, `\`${command}\``];
      }),
    ),
    '## What happened',
    `Ambiguous: the call had no clear answer, so it may have taken effect or not. Outage: the longest time for which one
     node, asked again and again for things of its own, gave no good answer, the fault itself included; a node that no
     fault touches must never refuse. Recovery: the longest time from the end of a cause (Redis ready, process running,
     link whole) until a node that it touched answered again; not measured where the next fault came before.`,
    table(
      ['fault', 'service', 'rounds', 'operations', 'faults', 'ambiguous', 'outage, ms', 'recovery, ms', 'violations'],
      [...rows].sort(byFault).map((row) => {
        const { fault, service, rounds, injected, ambiguous, longestOutageMs, longestRecoveryMs } = row;
        const counts = [rounds, row.operations, injected, ambiguous, longestOutageMs, longestRecoveryMs].map(number);
        return [fault, service, ...counts, row.violations];
      }),
    ),
    '## Figures',
    `The longest of all rounds where it says so, else the sum. The longest write at an untouched node to a line of which
     every node had a copy: ${number(summary.sharedWriteMs)} ms.`,
    table(
      ['service', 'figure', 'value'],
      Object.entries(figures).flatMap(([service, all]) =>
        Object.entries(all).map(([name, value]) => [service, name, number(Math.round(value))]),
      ),
    ),
    '## The faults',
    table(
      ['fault', 'what is done'],
      [...faults.map(({ name, what }) => [name, what]), ['mixed', 'two at a time, of all or of all but the last']],
    ),
    '## Known faults',
    'Each judge was shown builds with a fault in them: `npm run test:faults -- --known`.',
    table(
      ['service', 'fault of the build', 'rule', 'while', 'caught in round'],
      known.map(({ service, name, rule, under, round }) => [
        service,
        name,
        rule,
        under ?? 'none',
        round ?? 'NOT CAUGHT',
      ]),
    ),
    '## Violations',
    violations.length === 0 ? 'None.' : '',
    ...violations.map(({ service, fault, rule, what, history, command }) =>
      [
        `- **${service}, ${rule}** (${fault}): ${what}`,
        `  \`${command}\``,
        ...history.map((line) => `      ${line}`),
      ].join('\n\n'),
    ),
  ]
    .map((part) => (part.startsWith('- ') ? part : part.replaceAll(/\n +/g, '\n')))
    .concat(found)
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Columns of figures are set to the right. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => /^[\d,]+$/.test(String(row[column]))));
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(right.map((isRight) => (isRight ? '--:' : '---'))), ...rows.map(line)].join('\n');
}

function byFault(one: Row, other: Row): number {
  const place = ({ fault }: Row) => {
    const index = faults.findIndex(({ name }) => name === fault);
    return fault === 'none' ? -1 : index < 0 ? faults.length : index;
  };
  return place(one) - place(other);
}

function number(value: number): string {
  return value.toLocaleString('en');
}
