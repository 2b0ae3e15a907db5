import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { faults } from './faults.js';
import { knownFaults } from './known.js';

const ROOT = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/GUARANTEES.md', ROOT), 'utf8');

it('every promise names a fault of the campaign or a test that there is', () => {
  const rows = text.split('\n').filter((line) => /^\| (?!when|-)/.test(line));
  expect(rows.length).toBeGreaterThan(20);
  const names = ['none', 'mixed', ...faults.map(({ name }) => name)];
  for (const row of rows) {
    const shown = row.split('|')[4]?.trim() ?? '';
    expect(shown, row).not.toBe('');
    for (const one of shown.split(/[;,] /).filter((part) => part !== '')) {
      const [, fault] = /^campaign: (.+)$/.exec(one) ?? [];
      if (fault === undefined) expect(existsSync(new URL(one, ROOT)), one).toBe(true);
      else expect(names).toContain(fault);
    }
  }
});

it('every fault stands in the list of promises', () => {
  for (const { name } of faults) expect(text).toContain(`campaign: ${name}`);
});

// Each alone, as a node takes it up: one whose text the product no longer has says so, instead of doing nothing.
it.concurrent.for([...new Set(knownFaults.flatMap(({ files }) => files))])(
  'the known fault %s finds what it changes',
  { timeout: 60_000 },
  async (file, { expect }) => {
    const path = fileURLToPath(new URL(`known/${file}`, import.meta.url));
    await expect(promisify(execFile)(process.execPath, [path])).resolves.toMatchObject({ stderr: '' });
  },
);
