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
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Summary) : nothing;
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
  return [
    '# The fault campaign',
    `<!-- Written by npm run test:faults; what it found comes from ${FOUND}. -->`,
    `Three nodes and a Redis as processes, a TCP proxy between each node and Redis, seeded clients of all services on all
     nodes, faults alone and mixed; every call is recorded, and judges say whether what was promised held
     ([GUARANTEES.md](../GUARANTEES.md)).`,
    `In all ${minutes.toFixed(0)} minutes, ${summary.rounds} rounds, ${number(operations)} operations,
     **${violations.length} violations**. ${known.caught} of ${known.caught + known.missed.length} builds with a known
     fault were caught by the judge meant.`,
    '## Runs',
    table(
      ['seed', 'minutes', 'rounds', 'date', 'Node', 'Redis', 'command'],
      runs.map(({ seed, minutes: m, rounds: r, date, node, redis }) => {
        const command = `\`npm run test:faults -- --minutes ${m.toFixed(0)} --seed ${seed}\``;
        return [seed, m.toFixed(0), r, date, node, redis, command];
      }),
    ),
    '## What happened',
    `Ambiguous: the call had no clear answer, so it may have taken effect or not. Recovery: the longest time from the end
     of a cause (Redis ready, process running, link whole) until a node that it touched answered a call of the service.
     Nodes that a fault did not touch are asked for things of their own all the time, and must never refuse.`,
    table(
      ['fault', 'service', 'rounds', 'operations', 'faults', 'ambiguous', 'longest recovery, ms', 'violations'],
      [...rows].sort(byFault).map((row) => {
        const { fault, service, rounds: r, operations: o, injected, ambiguous, longestRecoveryMs, violations: v } = row;
        return [fault, service, r, number(o), number(injected), number(ambiguous), number(longestRecoveryMs), v];
      }),
    ),
    '## Figures',
    `The largest of all rounds. The longest write at an untouched node to a line of which every node had a copy:
     ${number(summary.sharedWriteMs)} ms.`,
    table(
      ['service', 'figure', 'largest'],
      Object.entries(figures).flatMap(([service, all]) =>
        Object.entries(all).map(([name, value]) => [service, name, number(Math.round(value))]),
      ),
    ),
    '## The faults',
    table(
      ['fault', 'what is done'],
      [...faults.map(({ name, what }) => [name, what]), ['mixed', 'two at a time, of all that the services allow']],
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
    found,
  ]
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('- ') ? part : part.replaceAll(/\n +/g, '\n')))
    .join('\n\n');
}

/** Columns of figures are set to the right. */
function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const right = head.map((_, column) => rows.every((row) => /^[\d,]+$/.test(String(row[column]))));
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
