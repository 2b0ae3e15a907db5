import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { isTaken } from '#lib/process';

/** Below the ports that systems give to outgoing connections, which could take one between two starts of a node. */
const FIRST = 20_000;
const LAST = 29_900;
const BLOCK = 100;

let block: Promise<{ guard: Server; first: number }> | undefined;
let given = 0;

/**
 * Gives out ports that no other test process gets: a process owns a block of ports by listening on its first one,
 * which the system takes back however the process ends. One that has used up its block takes another.
 * @param count how many, one after the other
 * @returns the first of them
 */
export async function reservePorts(count: number): Promise<number> {
  if (count >= BLOCK) throw new Error(`${count} ports in a row are more than a block has`);
  for (;;) {
    const current = (block ??= reserveBlock());
    const { first } = await current;
    while (block === current && given + count < BLOCK) {
      const port = first + given + 1;
      given += count;
      const taken = await Promise.all(Array.from({ length: count }, (_, index) => isTaken(port + index)));
      if (!taken.includes(true)) return port;
    }
    if (block !== current) continue;
    block = reserveBlock();
    given = 0;
  }
}

async function reserveBlock(): Promise<{ guard: Server; first: number }> {
  const blocks = (LAST - FIRST) / BLOCK;
  // Processes that start together would otherwise all try the same ones in turn.
  const offset = process.pid % blocks;
  for (let tried = 0; tried < blocks; tried += 1) {
    const first = FIRST + ((offset + tried) % blocks) * BLOCK;
    const guard = createServer();
    guard.listen({ port: first, host: '127.0.0.1', exclusive: true });
    try {
      await once(guard, 'listening');
      guard.unref();
      return { guard, first };
    } catch {
      // Another process has it.
    }
  }
  throw new Error(`No block of ${BLOCK} ports is free between ${FIRST} and ${LAST}`);
}
