import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { configurationDocument } from '../../scripts/configuration.document.js';
import { environmentDocument } from '../../scripts/environment.document.js';
import { formOf } from './setting.forms.js';
import { readSettings } from './settings.js';
import { settingsTable } from './settings.table.js';

const FILE = fileURLToPath(new URL('../../docs/CONFIGURATION.md', import.meta.url));

it('docs/CONFIGURATION.md is what the table of settings says (else: npm run docs:config)', async () => {
  await expect(await configurationDocument(FILE)).toMatchFileSnapshot(FILE);
});

it('.env.example is what the table of settings says (else: npm run docs:config)', async () => {
  const file = fileURLToPath(new URL('../../.env.example', import.meta.url));
  const text = environmentDocument();
  await expect(text).toMatchFileSnapshot(file);
  // What it shows can be taken as it is: the defaults, but for what docker-compose.yml gives the nodes.
  const lines = [...text.matchAll(/^#([A-Z_]+)=(.*)$/gm)];
  const shown = Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]));
  const own = { NODE_ID: 'node1', REDIS_URL: 'redis://redis:6379', EMPTY_REDIS_IS_NEW: 'true' };
  expect(readSettings({ NODE_ID: 'node1', ...shown })).toEqual(readSettings(own));
});

it.each(Object.entries(settingsTable))('%s has a form and a meaning, and its default is of that form', (_, setting) => {
  expect(formOf(setting)).not.toBe('');
  expect(setting.desc).toMatch(/\.$/);
  if (setting.default !== undefined) expect(setting._parse(String(setting.default))).toBe(setting.default);
});
