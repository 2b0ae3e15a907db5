import { EventEmitter } from 'node:events';
import { Logger } from '@nestjs/common';
import type { RedisConnection } from '#lib/redis';

/** What others tell this process: messages `[kind, field, ..]` in JSON, all strings. */
export class Channel {
  readonly events = new EventEmitter<{ confirmed: [again: boolean] }>();
  readonly #logger = new Logger('Channel');
  readonly #handlers = new Map<string, (...fields: string[]) => void>();
  #subscribed = false;
  #everSubscribed = false;

  constructor(
    private readonly connection: RedisConnection,
    private readonly name: string,
  ) {
    connection.redis.on('message', (_channel, message) => {
      this.#dispatch(message);
    });
    connection.on('down', () => {
      this.#subscribed = false;
    });
  }

  on(kind: string, handler: (...fields: string[]) => void): void {
    if (this.#handlers.has(kind)) throw new Error(`messages of kind ${kind} already have a handler`);
    this.#handlers.set(kind, handler);
  }

  /** Returns once Redis has confirmed the subscription of the present connection. */
  async confirm(): Promise<void> {
    if (this.#subscribed) return;
    await this.connection.redis.subscribe(this.name);
    this.#subscribed = true;
    const again = this.#everSubscribed;
    this.#everSubscribed = true;
    this.events.emit('confirmed', again);
  }

  #dispatch(message: string): void {
    try {
      const [kind, ...fields] = JSON.parse(message) as [string, ...string[]];
      this.#handlers.get(kind)?.(...fields);
    } catch (error) {
      this.#logger.error(
        `a message could not be handled: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
      );
    }
  }
}
