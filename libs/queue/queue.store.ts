import { EventEmitter } from 'node:events';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { SETTINGS, type Settings } from '#lib/config';
import { RedisConnections, type LuaScript, type RedisArgument } from '#lib/redis';
import type { QueueEvents } from './queue.events.js';
import { QueueKeys, type KeysOfQueue } from './queue.keys.js';

/** Most queues whose keys a node remembers; more than these are worked out anew at each call. */
const MAX_REMEMBERED = 10_000;

/** Runs the scripts of queues: with their keys, and telling what time alone did on the way. */
@Injectable()
export class QueueStore {
  readonly events = new EventEmitter<QueueEvents>();
  readonly keys: QueueKeys;
  /** Queues in use; those idle for QUEUE_IDLE_MS are forgotten. */
  readonly #known: LRUCache<string, KeysOfQueue>;
  readonly #forgetting: NodeJS.Timeout;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisConnections,
  ) {
    this.keys = new QueueKeys(settings.REDIS_KEY_PREFIX);
    this.#known = new LRUCache({ max: MAX_REMEMBERED, ttl: settings.QUEUE_IDLE_MS, updateAgeOnGet: true });
    this.#forgetting = setInterval(() => this.#known.purgeStale(), settings.QUEUE_IDLE_MS / 4);
    this.#forgetting.unref();
  }

  /** How many queues this node remembers. */
  get known(): number {
    return this.#known.size;
  }

  keysOf(queue: string): KeysOfQueue {
    let keys = this.#known.get(queue);
    if (!keys) {
      keys = this.keys.of(queue);
      this.#known.set(queue, keys);
    }
    return keys;
  }

  /**
   * Runs a script on a queue, once.
   * @param request where the caller gave a requestId: it and the route that remembers it
   * @param joins as RedisConnection.run has it
   * @throws RedisUnavailable
   */
  async run<Answer extends readonly unknown[]>(
    script: LuaScript<Answer>,
    queue: string,
    args: RedisArgument[] = [],
    request?: { route: string; id: string },
    joins = false,
  ): Promise<Answer> {
    const answer = await this.redis.commands.run(
      script,
      [this.keysOf(queue).bullmq],
      [request ? `${request.route}:${request.id}` : '', this.settings.QUEUE_MAX_DEAD, ...args],
      joins,
    );
    if (Array.isArray(answer[1])) this.#tell(queue, answer[1] as number[]);
    return answer;
  }

  /** Runs a script on a list of one bucket, or on those of all by what their keys begin with. */
  async runOnList<Answer>(script: LuaScript<Answer>, key: string, args: RedisArgument[]): Promise<Answer> {
    return await this.redis.commands.run(script, [key], args);
  }

  close(): void {
    clearInterval(this.#forgetting);
  }

  #tell(queue: string, [redelivered = 0, dead = 0, expired = 0, dropped = 0]: number[]): void {
    if (redelivered > 0) this.events.emit('redelivered', queue, redelivered);
    if (dead > 0) this.events.emit('dead', queue, dead, 'max_deliveries');
    if (expired > 0) this.events.emit('expired', queue, expired);
    if (dropped > 0) this.events.emit('deadDropped', queue, dropped);
  }
}
