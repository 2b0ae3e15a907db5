import type { FactoryProvider } from '@nestjs/common';
import { parser } from '@prometheus-io/lezer-promql';
import { metricsTable } from '../../libs/metrics/metrics.table.js';
import { dashboardTable } from '../../scripts/dashboard.table.js';

/** The labels that Prometheus itself gives to what it scrapes. */
const LABELS_OF_TARGETS = ['instance', 'job'];

/** The labels of each series that a node gives out, by its name. */
const labelsOf = new Map<string, readonly string[]>([['up', []]]);
for (const { name, provider } of Object.values(metricsTable)) {
  const metric = (provider as FactoryProvider<object>).useFactory();
  const labels = Reflect.get(await metric, 'labelNames') as string[];
  for (const suffix of ['', '_count', '_sum']) labelsOf.set(name + suffix, labels);
  labelsOf.set(`${name}_bucket`, [...labels, 'le']);
}

/** What an expression names; throws where it is no PromQL. */
export function namesIn(expression: string): { metrics: string[]; labels: string[] } {
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      if (type.name === 'Identifier') metrics.push(text);
      if (type.name === 'LabelName') labels.push(text);
    },
  });
  return { metrics, labels };
}

/** @returns what an expression names that no node gives out, or that it names nothing; empty where all is well */
export function unknownIn(expression: string): string[] {
  const { metrics, labels } = namesIn(expression);
  if (metrics.length === 0) return ['it names no metric'];
  const known = new Set([...LABELS_OF_TARGETS, ...metrics.flatMap((name) => labelsOf.get(name) ?? [])]);
  return [
    ...metrics.filter((name) => !labelsOf.has(name)).map((name) => `${name} is no metric of a node`),
    ...labels.filter((label) => !known.has(label)).map((label) => `${label} is no label of ${metrics.join(', ')}`),
  ];
}

/** Every expression of the dashboard, with what Grafana puts in for its variables. */
export function dashboardQueries(): { title: string; expr: string; legend: string }[] {
  return dashboardTable.flatMap((row) =>
    row.panels.flatMap(({ title, queries }) =>
      queries.map(({ expr, legend }) => ({
        title: `${row.title}, ${title}, ${legend}`,
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.+'),
        legend,
      })),
    ),
  );
}
