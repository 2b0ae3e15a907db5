import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { configurationDocument } from '../../scripts/configuration.document.js';
import { formOf } from './setting.forms.js';
import { settingsTable } from './settings.table.js';

const FILE = fileURLToPath(new URL('../../docs/CONFIGURATION.md', import.meta.url));

it('docs/CONFIGURATION.md is what the table of settings says (else: npm run docs:config)', async () => {
  await expect(await configurationDocument(FILE)).toMatchFileSnapshot(FILE);
});

it.each(Object.entries(settingsTable))('%s has a form and a meaning, and its default is of that form', (_, setting) => {
  expect(formOf(setting)).not.toBe('');
  expect(setting.desc).toMatch(/\.$/);
  if (setting.default !== undefined) expect(setting._parse(String(setting.default))).toBe(setting.default);
});
