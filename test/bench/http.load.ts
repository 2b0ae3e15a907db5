import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { WrongAnswer } from './bench.js';

/** One call, as the bytes that are sent, and what its answer must be. */
export interface Call {
  readonly request: string;
  /** Whether the answer is right; what else the bench needs of it is taken here. */
  readonly accept: (body: string, status: number) => boolean;
}

/** The next call to make; undefined: there is none left. */
export type NextCall = () => Call | undefined;

export function post(path: string, body: object): string {
  const json = JSON.stringify(body);
  return (
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`
  );
}

export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

/** Connections that are kept, and calls on them: as little work as can be, since it shares the machine with the server. */
export class HttpLoad {
  readonly connections: Connection[] = [];

  private constructor() {
    // See connect.
  }

  static async connect(port: number, connections: number): Promise<HttpLoad> {
    const load = new HttpLoad();
    for (let i = 0; i < connections; i += 1) load.connections.push(await Connection.open(port));
    return load;
  }

  /**
   * Each connection makes one call after the other (closed loop) until the time is over or there is none left.
   * @returns calls per second
   * @throws WrongAnswer
   */
  async closed(next: NextCall, forMs: number): Promise<number> {
    const began = performance.now();
    const until = began + forMs;
    let answered = 0;
    const work = this.connections.map(async (connection) => {
      for (let call = next(); call && performance.now() < until; call = next()) {
        await connection.make(call);
        answered += 1;
      }
    });
    await Promise.all(work);
    return answered / ((performance.now() - began) / 1000);
  }

  /**
   * Calls at a constant rate, whether or not the ones before were answered (open loop). A call counts from when it was
   * due, so that a stall counts for each call that came meanwhile, whether the server's or of this process: what its
   * timer or a full processor makes it late, callers elsewhere would not wait, but they are the same for all servers.
   * It sleeps between calls, since the server needs the processor that it would take.
   * @returns ms from when each call was due: until it was sent, wait for a free connection included, and until its answer
   * @throws WrongAnswer
   */
  async open(
    next: NextCall,
    perSecond: number,
    forMs: number,
  ): Promise<Readonly<Record<'sent' | 'answered', number[]>>> {
    const began = performance.now();
    const delays = { sent: [] as number[], answered: [] as number[] };
    const free = [...this.connections];
    const waiting: { due: number; call: Call }[] = [];
    const underWay = new Set<Promise<void>>();
    const send = (connection: Connection, { due, call }: { due: number; call: Call }): void => {
      delays.sent.push(performance.now() - due);
      const made = connection.make(call).then(() => {
        delays.answered.push(performance.now() - due);
        underWay.delete(made);
        const first = waiting.shift();
        if (first) send(connection, first);
        else free.push(connection);
      });
      underWay.add(made);
    };
    for (let sent = 0; sent < (perSecond * forMs) / 1000;) {
      const due = began + (sent * 1000) / perSecond;
      if (performance.now() < due) {
        await pause(1);
        continue;
      }
      sent += 1;
      const call = next();
      if (!call) break;
      const connection = free.pop();
      if (connection) send(connection, { due, call });
      else waiting.push({ due, call });
    }
    while (underWay.size > 0) await Promise.all(underWay);
    return delays;
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}

/** One connection, on which one call is under way at a time. */
export class Connection {
  #received = '';
  #call: Call | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#received = this.#received === '' ? chunk : this.#received + chunk;
      this.#read();
    });
    socket.on('close', () => {
      this.#reject(new WrongAnswer('the connection was closed'));
    });
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** @throws WrongAnswer */
  make(call: Call): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) reject(new WrongAnswer('the server closed a connection between two calls'));
      this.#call = call;
      this.#resolve = resolve;
      this.#reject = reject;
      this.socket.write(call.request);
    });
  }

  close(): void {
    this.#reject = () => undefined;
    this.socket.destroy();
  }

  #read(): void {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const end = headEnd + 4 + Number(length ?? 0);
    if (this.#received.length < end) return;
    const body = this.#received.slice(headEnd + 4, end);
    this.#received = this.#received.slice(end);
    const status = Number(head.slice(9, 12));
    if (this.#call?.accept(body, status)) this.#resolve();
    else this.#reject(new WrongAnswer(`${this.#call?.request.split('\r\n')[0] ?? ''} was answered ${status} ${body}`));
  }
}
