import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FactoryProvider } from '@nestjs/common';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startCluster } from '../../test/cluster/index.js';
import { metricsTable } from './metrics.table.js';
import { hasPromtool, promtool } from '../../test/observability/promtool.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const file = (name: string) => fileURLToPath(new URL(`../../observability/${name}`, import.meta.url));
const { groups } = parse(readFileSync(file('alerts.yml'), 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

/** The labels of each series that a node gives out, by its name. */
const labelsOf = new Map<string, readonly string[]>([['up', []]]);
for (const { name, provider } of Object.values(metricsTable)) {
  const metric = (provider as FactoryProvider<object>).useFactory();
  const labels = Reflect.get(await metric, 'labelNames') as string[];
  for (const suffix of ['', '_count', '_sum']) labelsOf.set(name + suffix, labels);
  labelsOf.set(`${name}_bucket`, [...labels, 'le']);
}

/** What an expression names; throws where it is no PromQL. */
function namesIn(expression: string): { metrics: string[]; labels: string[] } {
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

describe('what reads an expression', () => {
  it('finds metrics and labels, and what is wrong', () => {
    expect(namesIn('sum by (a) (rate(m_total{b=~"x"}[5m])) > 0')).toEqual({ metrics: ['m_total'], labels: ['a', 'b'] });
    expect(() => namesIn('sum by (a (m)')).toThrow('no PromQL');
  });
});

describe('alerts', () => {
  it.each(rules)('$alert: names only metrics and labels that exist', ({ expr }) => {
    const { metrics, labels } = namesIn(expr);
    expect(metrics.length).toBeGreaterThan(0);
    const known = new Set(['instance', 'job']);
    for (const name of metrics) {
      expect(labelsOf.has(name), `${name} is no metric of a node`).toBe(true);
      for (const label of labelsOf.get(name) ?? []) known.add(label);
    }
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
  });

  it.each(rules)('$alert: says how bad it is, what is the matter and what to do', ({ labels, annotations }) => {
    expect(['warning', 'critical']).toContain(labels['severity']);
    expect(annotations['summary']).toMatch(/\.$/);
    expect(annotations['runbook']).toMatch(/\.$/);
  });

  it('have names of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

describe('promtool', () => {
  const checks: [what: string, args: string[]][] = [
    ['rules', ['check', 'rules', file('alerts.yml')]],
    ['configuration', ['check', 'config', file('prometheus.yml')]],
    ['unit tests of the alerts', ['test', 'rules', file('alerts.test.yml')]],
  ];
  for (const [what, args] of checks) {
    it(`is content with the ${what}`, async ({ skip }) => {
      if (!(await hasPromtool())) skip('promtool is not installed');
      expect(await promtool(args)).toContain('SUCCESS');
    });
  }

  it('is content with the metrics of a node', async ({ skip }) => {
    if (!(await hasPromtool())) skip('promtool is not installed');
    await using cluster = await startCluster({ nodes: 1 });
    const { text } = await cluster.node(1).get('/metrics');
    expect(text).toContain('sync_build_info');
    expect(await promtool(['check', 'metrics'], text)).toBe('');
  });
});
