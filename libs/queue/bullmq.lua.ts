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
 * and ours, and an upgrade of BullMQ brings its own new text.
 */
export function withBullmq(text: string): string {
  return text.replace(/^--- @bullmq "(\w+)"$/gm, (_, name: string) => {
    const operation = bullmqScripts[name];
    if (!operation) throw new Error(`BullMQ has no operation ${name}`);
    return `local function bullmq_${name}(KEYS, ARGV)\n${operation.content}\nend`;
  });
}
