import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server on which nothing was asked yet, as clients and balancers open them in advance. Node counts
 * them as busy, so a server that closes would wait for them.
 */
export class SilentConnections {
  readonly #sockets = new Set<Socket>();

  /** @param server one that does not listen yet */
  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', ({ socket }: IncomingMessage) => this.#sockets.delete(socket));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
