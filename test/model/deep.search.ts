import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { deep, everyRun } from './scopes.js';
import { search } from './search.js';

const MAX_MS = Number(process.env['MODEL_MAX_MS'] ?? 300_000);
const rows: string[] = [];

it.each([...everyRun, ...deep])('%s', { timeout: 2 * MAX_MS }, (name, scope) => {
  const found = search(scope, { maxMs: MAX_MS, maxStates: 6_000_000, liveness: scope.restart === undefined });
  const { processes, changes, grants, net } = scope;
  const extent = found.exhausted ? 'all' : 'not all';
  rows.push(
    `| ${name} | ${processes} | ${changes.length} | ${grants} | ${net} | ${found.states.toLocaleString('en')} | ${found.depth} | ${extent} | ${(found.durationMs / 1000).toFixed(1)} |`,
  );
  expect({ violation: found.violation, trace: found.trace }).toEqual({ violation: undefined, trace: [] });
});

afterAll(() => {
  const head = [
    '# The coherence model, searched deeply',
    '',
    'Written by `npm run model`. Every state that can be reached within each scope was checked against the invariants of',
    'docs/PROTOCOL.md, where the column says "all"; no violation was found. "Requests" are fills and writes of all nodes',
    'together, "under way" is the number of messages from which on no further request is sent.',
    '',
    '| scope | nodes | writes | requests | under way | states | depth | seen | seconds |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  const folder = new URL('../../docs/results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('model.md', folder), `${[...head, ...rows].join('\n')}\n`);
});
