import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** The version of the package that this code is part of. */
export const VERSION = readVersion();

function readVersion(): string {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) throw new Error('package.json is missing beside the program');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
