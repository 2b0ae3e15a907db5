import type { Judged, Result, Row } from './bench.js';
import { plotFile } from './plot.js';
import type { Spread } from './statistics.js';

/** Where and how it was measured. */
export interface Conditions {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  readonly rounds: number;
  readonly forMs: number;
}

/** docs/results/benchmarks.md. */
export function reportOf(results: readonly Result[], { date, node, machine, rounds, forMs }: Conditions): string {
  return `# Benchmarks

Measured ${date} on ${machine}, Node ${node}, Redis with \`appendfsync always\`, everything on one machine. Every answer
is checked; one that is wrong ends the run. Contenders run in turn, ${rounds} rounds of ${forMs} ms for each measure, each
round beginning with another one. Figures are medians, with the least and the most of the rounds; a ratio is the
product's figure divided by the other's in the same round. Absolute figures say little about another machine.

Written by \`npm run bench\`; \`npm run bench -- --quick\` gives a first view in two minutes, and \`--only=Locks\` only the
subjects whose name contains that. [All samples](benchmarks.json).

## Targets

${targetsOf(results)}

${results.map(sectionOf).join('\n\n')}
`;
}

function targetsOf(results: readonly Result[]): string {
  const lines = results.flatMap(({ subject, targets }) =>
    targets.map((target) => {
      const { measure, against, reached, met } = target;
      return `| ${subject}: ${measure} | ${against} | ${boundOf(target)} | ${reached.toFixed(2)} | ${met ? 'yes' : '**no**'} |`;
    }),
  );
  return ['| what | compared with | ratio wanted | ratio | met |', '|---|---|---|---|---|', ...lines].join('\n');
}

function boundOf({ atLeast, atMost }: Judged): string {
  return atLeast === undefined ? `at most ${atMost ?? NaN}` : `at least ${atLeast}`;
}

function sectionOf(result: Result): string {
  const { subject, unit, rows, skipped } = result;
  const lines = rows.map(
    ({ measure, contender, role, value, ratio }: Row) =>
      `| ${measure} | ${contender} | ${figures(value)} | ${role === 'product' ? '' : figures(ratio)} |`,
  );
  const missing = Object.entries(skipped).map(([name, why]) => `Not measured: ${name}, since ${why}.`);
  return [
    `## ${subject}`,
    `![${subject}](${plotFile(result)})`,
    [`| measure (${unit}) | contender | median (least to most) | ratio |`, '|---|---|---|---|', ...lines].join('\n'),
    ...missing,
  ].join('\n\n');
}

function figures({ median, least, most }: Spread): string {
  return `${figure(median)} (${figure(least)} to ${figure(most)})`;
}

/** Three digits that mean something, and thousands apart. */
function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en').replaceAll(',', ' ');
}
