import { format, resolveConfig } from 'prettier';
import { localClusterTable } from '../libs/config/local-cluster.settings.js';
import { formOf } from '../libs/config/setting.forms.js';
import { settingsTable } from '../libs/config/settings.table.js';

/** Defaults that depend on the machine, in words. */
const machineDefaults: Readonly<Record<string, string>> = { NODE_ID: 'the host name' };

/** docs/CONFIGURATION.md, made from the table of settings. Written by `npm run docs:config`. */
export async function configurationDocument(file: string): Promise<string> {
  const document = `# Configuration

A node is configured by environment variables. Names end in their unit. A variable that is empty counts as not given, an
unknown one is left alone, and a node does not start with a wrong one: it says which, what it must be and what it was.
What can be done to a running node without a new start is in [SECURITY.md](SECURITY.md): its tokens.

[.env.example](../.env.example) has the same for \`docker compose\`, to be copied to \`.env\`.

All nodes of one cluster share \`REDIS_URL\` and \`REDIS_KEY_PREFIX\`; give each a \`NODE_ID\` of its own. Bounds are per node
unless they say otherwise.

${tableOf(settingsTable)}

## The local cluster

\`npm start\` hands what is set on to the three nodes that it starts, and reads these itself:

${tableOf(localClusterTable)}

This page is made from the tables in \`libs/config\` by \`npm run docs:config\`.
`;
  return await format(document, { ...(await resolveConfig(file)), parser: 'markdown' });
}

type Setting =
  (typeof settingsTable)[keyof typeof settingsTable] | (typeof localClusterTable)[keyof typeof localClusterTable];

function tableOf(table: Readonly<Record<string, Setting>>): string {
  const rows = Object.entries(table).map(([name, setting]) => {
    const cells = [`\`${name}\``, defaultOf(name, setting.default), formOf(setting), setting.desc ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| variable | default | form | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function defaultOf(name: string, value: string | number | boolean | undefined): string {
  const words = machineDefaults[name];
  if (words !== undefined) return words;
  return value === undefined ? 'none' : `\`${String(value)}\``;
}
