import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Where a published message begins in what Redis sends, in either version of its protocol. */
const BEGINNINGS = ['*', '>'].map((kind) => `${kind}3\r\n$7\r\nmessage\r\n`);
const LONGEST = BEGINNINGS[0]?.length ?? 0;

/** Stands between a node and Redis: can lose what is published to the node, or hold back what is answered to it. */
export class MessageRelay {
  loses = false;
  /** How many messages came through. */
  passed = 0;
  /** Messages that were lost. */
  readonly lost: string[] = [];
  readonly #sockets = new Set<Socket>();
  /** Answers that are held back, in their order; undefined while none are. */
  #held: { client: Socket; text: string }[] | undefined;

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  static async start(port: number): Promise<MessageRelay> {
    const server = createServer({ noDelay: true });
    const relay = new MessageRelay(server, port);
    server.on('connection', (client) => {
      relay.#accept(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return relay;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From now on answers of Redis do not reach the node; what is published does. */
  holdAnswers(): void {
    this.#held ??= [];
  }

  letAnswersGo(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { client, text } of held) client.write(text, 'latin1');
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    const redis = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      this.#sockets.add(one);
      one
        .on('error', () => undefined)
        .on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
    }
    client.on('data', (data: Buffer) => redis.write(data));
    let rest = '';
    redis.on('data', (data: Buffer) => {
      rest = this.#pass(rest + data.toString('latin1'), client);
    });
  }

  #answer(client: Socket, text: string): void {
    if (this.#held && text !== '') this.#held.push({ client, text });
    else client.write(text, 'latin1');
  }

  /** @returns what cannot be judged before more of it has come */
  #pass(text: string, client: Socket): string {
    for (;;) {
      const begin = beginOf(text);
      this.#answer(client, text.slice(0, begin));
      const end = endOf(text, begin);
      if (end === undefined) return text.slice(begin);
      if (this.loses) {
        this.lost.push(text.slice(begin, end));
      } else {
        this.passed += 1;
        client.write(text.slice(begin, end), 'latin1');
      }
      text = text.slice(end);
    }
  }
}

/** Where the first message begins, or may begin when more has come. */
function beginOf(text: string): number {
  const begins = BEGINNINGS.map((beginning) => text.indexOf(beginning)).filter((at) => at >= 0);
  if (begins.length > 0) return Math.min(...begins);
  for (let at = Math.max(0, text.length - LONGEST); at < text.length; at += 1) {
    if (BEGINNINGS.some((beginning) => beginning.startsWith(text.slice(at)))) return at;
  }
  return text.length;
}

/** Where the message that begins there ends, after its channel and its text; undefined while it is not whole. */
function endOf(text: string, begin: number): number | undefined {
  if (!BEGINNINGS.some((beginning) => text.startsWith(beginning, begin))) return undefined;
  let at = begin + LONGEST;
  for (let strings = 0; strings < 2; strings += 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 16));
    if (!size) return undefined;
    at += size[0].length + Number(size[1]) + 2;
  }
  return at <= text.length ? at : undefined;
}
