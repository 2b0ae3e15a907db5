import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What a link does to the bytes of one direction. */
type Weather = { readonly kind: 'clear' } | { readonly kind: 'held' } | { readonly kind: 'slow'; readonly ms: number };

export type Direction = 'to Redis' | 'from Redis';

/** Which connections, by the purpose that their client named them for (`sync:node1:lease`), once it has. */
export type Which = (name: string | undefined) => boolean;

const CLEAR: Weather = { kind: 'clear' };
const NAME = /sync:[^:\r\n]+:(\w+)/;
/** A client names its connection with its first commands. */
const NAMED_WITHIN_BYTES = 4096;

/**
 * A TCP proxy between a node and Redis, whose links can be cut, held and slowed down, each direction by itself.
 * What is held is not lost: as on a network that is away for a while, it arrives late, or its connection is reset.
 */
export class Proxy {
  readonly #links = new Set<Link>();
  #weather: { which: Which; directions: readonly Direction[]; weather: Weather } | undefined;
  #refuses = false;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {}

  static async start(targetPort: number): Promise<Proxy> {
    const server = createServer({ noDelay: true });
    const proxy = new Proxy(server, targetPort);
    server.on('connection', (client) => {
      proxy.#accept(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resets the connections, and refuses new ones where all are meant, until the link is healed. */
  cut(which?: Which): void {
    this.#refuses = which === undefined;
    for (const link of this.#links) if (which?.(link.name) ?? true) link.reset();
  }

  /** The other side seems to be there and hears nothing: bytes wait on the way, and so does the end of a connection. */
  hold(directions: readonly Direction[], which: Which = () => true): void {
    this.#set({ which, directions, weather: { kind: 'held' } });
  }

  /** Every piece arrives so much later. */
  slow(ms: number): void {
    this.#set({ which: () => true, directions: ['to Redis', 'from Redis'], weather: { kind: 'slow', ms } });
  }

  /** @param late what was held arrives now; else its connections are reset */
  heal(late = true): void {
    this.#refuses = false;
    this.#weather = undefined;
    for (const link of this.#links) {
      if (!late && link.holds) link.reset();
      else link.set(['to Redis', 'from Redis'], CLEAR);
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const link of this.#links) link.reset();
    await closed;
  }

  #set(weather: { which: Which; directions: readonly Direction[]; weather: Weather }): void {
    this.#weather = weather;
    for (const link of this.#links) if (weather.which(link.name)) link.set(weather.directions, weather.weather);
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ port: this.targetPort, host: '127.0.0.1', noDelay: true });
    const link = new Link(client, upstream, () => {
      treat();
    });
    // Its name decides whether it is one of those concerned.
    const treat = () => {
      const { which, directions, weather } = this.#weather ?? {};
      if (which?.(link.name) && directions && weather) link.set(directions, weather);
    };
    treat();
    this.#links.add(link);
    link.ended.then(() => this.#links.delete(link)).catch(() => undefined);
  }
}

/** One connection through the proxy. */
class Link {
  name: string | undefined;
  readonly ended: Promise<unknown>;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  #seen = '';

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    onNamed: () => void,
  ) {
    this.#pipes = { 'to Redis': new Pipe(client, upstream), 'from Redis': new Pipe(upstream, client) };
    this.ended = Promise.all([once(client, 'close'), once(upstream, 'close')]);
    const look = (data: Buffer) => {
      this.#seen += data.toString('latin1');
      this.name = NAME.exec(this.#seen)?.[1];
      if (this.name === undefined && this.#seen.length < NAMED_WITHIN_BYTES) return;
      client.off('data', look);
      onNamed();
    };
    // Before the pipe, so that the command which names the connection is already treated as one of it.
    client.prependListener('data', look);
  }

  get holds(): boolean {
    return Object.values(this.#pipes).some((pipe) => pipe.holds);
  }

  set(directions: readonly Direction[], weather: Weather): void {
    for (const direction of directions) this.#pipes[direction].set(weather);
  }

  reset(): void {
    for (const socket of [this.client, this.upstream]) socket.resetAndDestroy();
  }
}

/** One direction of a connection. What it carries keeps its order. */
class Pipe {
  #weather: Weather = CLEAR;
  /** What is on its way, and when it arrives. */
  readonly #way: { at: number; readonly deliver: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    from: Socket,
    private readonly to: Socket,
  ) {
    from.on('data', (data: Buffer) => {
      this.#send(() => this.to.writable && this.to.write(data));
    });
    from.on('end', () => {
      this.#send(() => this.to.end());
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#send(() => this.to.destroy());
    });
  }

  get holds(): boolean {
    return this.#weather.kind === 'held' && this.#way.length > 0;
  }

  set(weather: Weather): void {
    this.#weather = weather;
    for (const piece of this.#way) piece.at = Math.min(piece.at, this.#arrival());
    if (weather.kind === 'held') for (const piece of this.#way) piece.at = Infinity;
    this.#deliver();
  }

  #arrival(): number {
    if (this.#weather.kind === 'held') return Infinity;
    return performance.now() + (this.#weather.kind === 'slow' ? this.#weather.ms : 0);
  }

  #send(deliver: () => void): void {
    this.#way.push({ at: this.#arrival(), deliver });
    this.#deliver();
  }

  /** Delivers what is due, and comes back for the rest. */
  #deliver(): void {
    clearTimeout(this.#timer);
    for (;;) {
      const [first] = this.#way;
      if (!first || first.at === Infinity) return;
      const wait = first.at - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => {
          this.#deliver();
        }, Math.ceil(wait));
        return;
      }
      this.#way.shift();
      first.deliver();
    }
  }
}
