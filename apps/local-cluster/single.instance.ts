import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a running cluster tells a second one that is started from the same folder. */
export interface Presence {
  readonly pid: number;
  readonly addresses: readonly string[];
}

/**
 * Claims a folder for one cluster by listening on a socket in it. The socket of a cluster that was killed stays behind
 * as a file, but nobody answers on it.
 * @param path of the socket
 * @returns the one that has the folder already, or the server that holds the claim until it is closed
 */
export async function claim(path: string, presence: Presence): Promise<Server | Presence> {
  const other = await ask(path);
  if (other) return other;
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(JSON.stringify(presence));
  });
  server.listen(path);
  await once(server, 'listening');
  server.unref();
  return server;
}

async function ask(path: string): Promise<Presence | undefined> {
  const socket = connect(path);
  try {
    return JSON.parse(await text(socket)) as Presence;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
