import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startCluster } from '../../test/cluster/index.js';
import { namesIn, unknownIn } from '../../test/observability/promql.js';
import { findPromtool } from '../../test/observability/promtool.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const file = (name: string) => fileURLToPath(new URL(`../../observability/${name}`, import.meta.url));
const { groups } = parse(readFileSync(file('alerts.yml'), 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

describe('what reads an expression', () => {
  it('finds metrics and labels, and what is wrong', () => {
    expect(namesIn('sum by (a) (rate(m_total{b=~"x"}[5m])) > 0')).toEqual({ metrics: ['m_total'], labels: ['a', 'b'] });
    expect(() => namesIn('sum by (a (m)')).toThrow('no PromQL');
    expect(unknownIn('sum by (reason) (sync_http_refused_total)')).toEqual([]);
    expect(unknownIn('sum by (cause) (sync_http_refused_totals) > 0')).toHaveLength(2);
    expect(unknownIn('1 > 0')).toHaveLength(1);
  });
});

describe('alerts', () => {
  it.each(rules)('$alert: names only metrics and labels that exist', ({ expr }) => {
    expect(unknownIn(expr)).toEqual([]);
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

describe('promtool', async () => {
  const promtool = await findPromtool();
  const checks: [what: string, args: string[]][] = [
    ['rules', ['check', 'rules', file('alerts.yml')]],
    ['configuration', ['check', 'config', file('prometheus.yml')]],
    ['unit tests of the alerts', ['test', 'rules', file('alerts.test.yml')]],
  ];
  for (const [what, args] of checks) {
    it(`is content with the ${what}`, async ({ skip }) => {
      if ('why' in promtool) return skip(promtool.why);
      expect(await promtool.run(args)).toContain('SUCCESS');
    });
  }

  it('is content with the metrics of a node', async ({ skip }) => {
    if ('why' in promtool) return skip(promtool.why);
    await using cluster = await startCluster({ nodes: 1 });
    const { text } = await cluster.node(1).get('/metrics');
    expect(text).toContain('sync_build_info');
    expect(await promtool.run(['check', 'metrics'], text)).toBe('');
  });
});
