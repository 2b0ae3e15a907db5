import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';

/** A process that listens on a port. */
export interface Listener {
  readonly pid: number;
  /** The command as it was started, arguments included. */
  readonly command: string;
}

/** @returns a port that this process could listen on now */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns whether somebody listens on a port, so that this process could not */
export async function isTaken(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = createServer();
  server.listen({ port, host, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  }
  server.close();
  await once(server, 'close');
  return false;
}

/**
 * Finds who listens on a TCP port, by /proc and without other programs.
 * @returns undefined where nobody does, or the system or its permissions do not tell
 */
export async function listener(port: number): Promise<Listener | undefined> {
  const sockets = await listeningSockets(port);
  if (sockets.size === 0) return undefined;
  for (const entry of await names('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of await names(`/proc/${entry}/fd`)) {
      const target = await readlink(`/proc/${entry}/fd/${descriptor}`).catch(() => '');
      if (!sockets.has(target)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(entry), command: command.replaceAll('\0', ' ').trim() };
    }
  }
  return undefined;
}

/** The sockets that listen on a port, in the form `socket:[<inode>]` that links in /proc/<pid>/fd have. */
async function listeningSockets(port: number): Promise<Set<string>> {
  const listening = '0A';
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
  const matching = rows.filter(([, local, , state]) => local?.endsWith(`:${hex}`) && state === listening);
  return new Set(matching.map((row) => `socket:[${row[9] ?? ''}]`));
}

async function names(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}
