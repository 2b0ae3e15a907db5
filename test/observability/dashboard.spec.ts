import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Panel } from '@grafana/schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardDocument } from '../../scripts/dashboard.document.js';
import { metricsTable } from '../../libs/metrics/metrics.table.js';
import { dashboardQueries, namesIn, unknownIn } from './promql.js';

const path = (name: string) => fileURLToPath(new URL(`../../observability/grafana/${name}`, import.meta.url));
const FILE = path('dashboards/overview.json');
const text = await dashboardDocument(FILE);
const { panels } = JSON.parse(text) as { panels: Required<Panel>[] };
const drawn = panels.filter(({ type }) => type !== 'row');
const queries = dashboardQueries();

it('the dashboard is what scripts/dashboard.table.ts says (else: npm run docs:dashboard)', async () => {
  await expect(text).toMatchFileSnapshot(FILE);
});

describe('the dashboard', () => {
  it.each(queries)('$title: names only metrics and labels that exist', ({ expr, legend }) => {
    expect(unknownIn(expr)).toEqual([]);
    // What a series is called is what it was grouped by; where nothing was, it has all labels of its target.
    const { labels } = namesIn(expr);
    const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    for (const label of named) expect([...labels, 'instance']).toContain(label);
  });

  it('has a row for each part of the system, and every metric', () => {
    const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual(['Nodes', 'HTTP', 'Locks', 'Queues', 'Cache', 'Redis']);
    const seen = new Set(queries.flatMap(({ expr }) => namesIn(expr).metrics));
    const isSeen = (name: string) => ['', '_bucket', '_count'].some((suffix) => seen.has(name + suffix));
    const names = Object.values(metricsTable).map(({ name }) => name);
    expect(names.filter((name) => !isSeen(name))).toEqual([]);
  });

  it('can be drawn: each panel has a place and an id of its own, a unit, and lines with letters of their own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x},${y}`), `${title} lies on another panel`).toBe(false);
          cells.add(`${x},${y}`);
        }
      }
    }
    for (const { title, targets, description, fieldConfig } of drawn) {
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
      expect(description, title).toMatch(/\.$/);
      expect(fieldConfig.defaults.unit, title).toBeTruthy();
    }
  });

  it('asks the datasource that is provisioned, from where compose puts it', () => {
    const { datasources } = parse(readFileSync(path('datasources.yml'), 'utf8')) as { datasources: { uid: string }[] };
    const uids = new Set(drawn.map(({ datasource }) => datasource.uid));
    expect([...uids]).toEqual(datasources.map(({ uid }) => uid));
  });
});
