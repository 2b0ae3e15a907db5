import { formOf } from '../libs/config/setting.forms.js';
import { settingsTable } from '../libs/config/settings.table.js';

const WIDTH = 118;

/** What docker-compose.yml gives each node by itself. */
const PER_NODE = ['NODE_ID', 'PORT', 'PUBLIC_URL'];
/** What docker-compose.yml has a default of its own for. */
const OF_COMPOSE: Readonly<Record<string, string>> = { REDIS_URL: 'redis://redis:6379', EMPTY_REDIS_IS_NEW: 'true' };

/** .env.example, made from the table of settings. Written by `npm run docs:config`. */
export function environmentDocument(): string {
  const settings = Object.entries(settingsTable)
    .filter(([name]) => !PER_NODE.includes(name))
    .map(([name, setting]) => {
      const value = OF_COMPOSE[name] ?? setting.default ?? '';
      const meaning = `${setting.desc ?? ''} Form: ${formOf(setting)}.`;
      return [...wrapped(meaning).map((line) => `# ${line}`), `#${name}=${String(value)}`, ''];
    });
  return [
    '# Settings of the nodes in docker-compose.yml: copy this to .env, and take the # away where you want another value.',
    '# What is commented out shows the default; nothing behind the = means none.',
    `# docker-compose.yml itself gives each node its ${PER_NODE.join(', ')}. Made by npm run docs:config.`,
    '',
    ...settings.flat(),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
