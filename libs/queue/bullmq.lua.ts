import { createRequire } from 'node:module';

interface BullmqScript {
  readonly name: string;
  readonly content: string;
  readonly keys: number;
}

/** The operations of BullMQ as Lua, its includes in their places: what its own classes send to Redis. */
export const bullmqScripts = createRequire(import.meta.url)('bullmq/dist/cjs/scripts/index.js') as Readonly<
  Record<string, BullmqScript>
>;

/**
 * Puts BullMQ's own operations where a script says `--- @bullmq "moveToActive"`: as a local function
 * `bullmq_moveToActive(KEYS, ARGV)` around the text that BullMQ itself would send. So one round trip does BullMQ's part
 * and ours, and an upgrade of BullMQ brings its own new text. Only its event stream is left out: nothing of ours reads
 * it, and two to four entries per message were a good part of what a message cost.
 */
export function withBullmq(text: string): string {
  return text.replace(/^--- @bullmq "(\w+)"$/gm, (_, name: string) => {
    const operation = bullmqScripts[name];
    if (!operation) throw new Error(`BullMQ has no operation ${name}`);
    const [made, body] = apart(operation.content);
    return `local bullmq_${name}
do
local function rcall(command, ...)
if command ~= 'XADD' and command ~= 'XTRIM' then return redis.call(command, ...) end
end
${made}
bullmq_${name} = function(KEYS, ARGV)
${body}
end
end`;
  });
}

/**
 * Divides an operation into the functions that can be made once, and what is done at each call: all else, with the
 * functions that use a variable of the call or such a function.
 */
function apart(content: string): [made: string, body: string] {
  const source = content.replace(/^local rcall = redis\.call;?$/gm, '').replace(/--\[\[[^]*?\]\]|--.*$/gm, '');
  const ofCall = new Set(
    [...source.matchAll(/^local (?!function )([\w, ]+)/gm)].flatMap(([, names = '']) => words(names)),
  );
  let made = '';
  const body = source.replace(/^local function (\w+)\(([^)]*)\)[^]*?^end$/gm, (text, name: string, given: string) => {
    const own = new Set(words(given));
    if (words(text.replace(/"[^"\n]*"|'[^'\n]*'/g, '')).some((word) => ofCall.has(word) && !own.has(word))) {
      ofCall.add(name);
      return text;
    }
    made += `${text}\n`;
    return '';
  });
  return [made, body];
}

function words(text: string): string[] {
  return text.match(/\w+/g) ?? [];
}
