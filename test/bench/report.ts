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
export function reportOf(results: readonly Result[], conditions: Conditions): string {
  const { date, node, machine, rounds, forMs } = conditions;
  return `# Benchmarks

Measured ${date} on ${machine}, Node ${node}, Redis with \`appendfsync always\`, everything on one machine. Every answer
is checked; one that is wrong ends its subject. Contenders run in turn, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${forMs} ms for each throughput, each
round beginning with another one; a first round is not counted, and before it HTTP servers answer calls of each kind for as
long as all rounds take together, since they compile what runs often. Figures are medians, with the least and the most of the rounds; a
ratio is the product's figure divided by the other's in the same round. Absolute figures say little about another machine.

Written by \`npm run bench\`; \`npm run bench -- --quick\` gives a first view in some two minutes, \`--only=Locks\` only the
subjects whose name contains that, \`--things=1000000\` has things grow to that number, and \`--out=FOLDER\` writes this
there. [All samples](benchmarks.json).

## Targets

${targetsOf(results)}

${results.map((result) => sectionOf(result, rounds)).join('\n\n')}
`;
}

function targetsOf(results: readonly Result[]): string {
  const all = results.flatMap(({ targets }) => targets);
  const count = (verdict: Judged['verdict']) => all.filter((target) => target.verdict === verdict).length;
  const lines = results.flatMap(({ subject, targets, rows }) =>
    targets.map((target) => {
      const unit = rows.find(({ measure }) => measure === target.measure)?.unit ?? '';
      const { reached, bound } = inWords(target, unit);
      const verdict = target.verdict === 'met' ? 'met' : `**${target.verdict}**`;
      return `| ${subject}: ${target.measure} | ${comparedWith(target)} | ${bound} | ${reached} | ${verdict} |`;
    }),
  );
  return [
    `Of ${all.length} targets ${count('met')} are met, ${count('not met')} are not, ${count('not measured')} were not measured.`,
    ['| what | compared with | wanted | reached | |', '|---|---|---|---|---|', ...lines].join('\n'),
  ].join('\n\n');
}

/** What a target's figure is divided by. */
export function comparedWith({ against, of }: Judged): string {
  if (against === undefined) return 'nothing: the figure itself';
  return of === undefined ? against : `${against}: ${of}`;
}

/** A target's bound and figure: a ratio, or with the unit. */
export function inWords(target: Judged, unit: string): Readonly<Record<'bound' | 'reached', string>> {
  const { against, atLeast, atMost, reached } = target;
  const suffix = against === undefined ? ` ${unit}` : '';
  const bounds = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}${suffix}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}${suffix}`]),
  ];
  const value = against === undefined ? figure(reached) : reached.toFixed(2);
  return { bound: bounds.join(', '), reached: Number.isNaN(reached) ? '' : `${value}${suffix}` };
}

function sectionOf(result: Result, usualRounds: number): string {
  const { subject, skipped, failed, layout, note, rounds } = result;
  if (failed !== undefined) return `## ${subject}\n\n**Failed, so that nothing of it is known**: ${failed}.`;
  const missing = Object.entries(skipped).map(([name, why]) => `Not measured: ${name}, since ${why}.`);
  return [
    `## ${subject}`,
    ...(rounds === usualRounds ? [] : [rounds === 1 ? 'One round.' : `${rounds} rounds.`]),
    ...(note === undefined ? [] : [note]),
    `![${subject}](${plotFile(result)})`,
    layout === 'columns' ? columnsOf(result) : linesOf(result),
    ...missing,
  ].join('\n\n');
}

function linesOf({ rows }: Result): string {
  const lines = rows.map(
    ({ measure, unit, contender, role, value, ratio }: Row) =>
      `| ${measure} (${unit}) | ${contender} | ${figures(value)} | ${role === 'product' ? '' : figures(ratio)} |`,
  );
  return ['| measure | contender | median (least to most) | ratio |', '|---|---|---|---|', ...lines].join('\n');
}

function columnsOf({ rows }: Result): string {
  const contenders = [...new Set(rows.map(({ contender }) => contender))];
  const lines = [...Map.groupBy(rows, ({ measure }) => measure)].map(([measure, ofMeasure]) => {
    const cells = contenders.map((name) => {
      const row = ofMeasure.find(({ contender }) => contender === name);
      return row ? figure(row.value.median) : '';
    });
    return `| ${measure} (${ofMeasure[0]?.unit ?? ''}) | ${cells.join(' | ')} |`;
  });
  return [`| | ${contenders.join(' | ')} |`, `|---|${contenders.map(() => '---:|').join('')}`, ...lines].join('\n');
}

function figures({ median, least, most }: Spread): string {
  return `${figure(median)} (${figure(least)} to ${figure(most)})`;
}

/** Three digits that mean something, and thousands apart. */
function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 4 }).replaceAll(',', ' ');
}
