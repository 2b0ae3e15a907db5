import { isIP } from 'node:net';
import { cleanEnv } from 'envalid';
import { settingsTable } from './settings.table.js';

/** A node's settings, each under the name of its environment variable. */
export type Settings = Readonly<ReturnType<typeof readSettings>>;

/** Injection token of the settings. */
export const SETTINGS = Symbol('settings');

/** The environment holds values that no node can run with; the message names each of them. */
export class InvalidSettings extends Error {
  override readonly name = 'InvalidSettings';
}

/**
 * Reads and checks the settings of {@link settingsTable}.
 * @param environment variables by name, this process's unless given; unknown ones are left alone, empty ones count as
 *   not given
 * @throws InvalidSettings naming every wrong variable, what it must be and what it was
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env) {
  const settings = readTable(environment, settingsTable);
  const { REDIS_SENTINELS, REDIS_URL } = settings;
  if (REDIS_SENTINELS !== undefined && !namesGroup(REDIS_URL)) {
    throw refusal([
      'REDIS_URL must have, with REDIS_SENTINELS, the name by which the Sentinels know the primary in place of its ' +
        'address, and no port, like redis://mymaster',
    ]);
  }
  return settings;
}

/** Whether what stands for the host can be the name of a group that Sentinels watch: an address would never be found. */
function namesGroup(url: string): boolean {
  const { hostname, port } = new URL(url);
  return port === '' && hostname !== 'localhost' && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
}

/** @param wrong a line for each wrong variable */
function refusal(wrong: readonly string[]): InvalidSettings {
  return new InvalidSettings(`The environment does not fit:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
}

/** As {@link readSettings}, for another table. */
export function readTable<Table extends object>(environment: NodeJS.ProcessEnv, table: Table) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  // The clean environment is a proxy that guards against typos; a plain copy is faster to read from on every request.
  return Object.freeze({
    ...cleanEnv(given, table, {
      reporter: ({ errors }) => {
        const wrong = Object.entries<Error | undefined>(errors).map(([name, error]) => `${name} ${error?.message}`);
        if (wrong.length > 0) throw refusal(wrong);
      },
    }),
  });
}
