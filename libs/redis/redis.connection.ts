import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import type { Settings } from '#lib/config';
import { ScriptCalls, type RedisArgument } from './redis.calls.js';
import { asUnavailable, RedisUnavailable } from './redis.errors.js';
import type { LuaScript } from './redis.script.js';
import { sentinelOptions } from './redis.sentinels.js';
import { isSame, parseServer, type CurrentServer, type RedisServer } from './redis.server.js';

type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

interface ConnectionEvents {
  /** Connected, and the server known. */
  up: [server: RedisServer];
  down: [];
  /** A script was answered or refused. */
  answered: [script: string, durationMs: number, failed: boolean];
}

/**
 * The options under which a lost answer is told at once and never sent again (docs/PROTOCOL.md "Connections"): with the
 * library's defaults an increment could run twice.
 * @param purpose shown in CLIENT LIST
 */
export function connectionOptions(settings: Settings, purpose: string): ConnectionOptions {
  return {
    connectionName: `${settings.REDIS_KEY_PREFIX}:${settings.NODE_ID}:${purpose}`,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectTimeout: settings.REDIS_TIMEOUT_MS,
    commandTimeout: settings.REDIS_TIMEOUT_MS,
    // A peer that vanished without a word is only noticed by its silence.
    socketTimeout: 2 * settings.REDIS_TIMEOUT_MS,
    maxLoadingRetryTime: 100,
    retryStrategy: (attempt) => Math.min(25 * attempt, 250) * (0.75 + Math.random() / 2),
    // After a failover the old primary refuses writes on connections that it kept.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...sentinelOptions(settings),
  };
}

/** One connection to Redis for one purpose, which knows the server at its other end. */
export class RedisConnection extends EventEmitter<ConnectionEvents> {
  /** The connection itself, for what is no script (SUBSCRIBE, INFO, ..). */
  readonly redis: Redis;
  readonly #logger: Logger;
  readonly #current: CurrentServer;
  readonly #calls: ScriptCalls;
  #server: RedisServer | undefined;
  #complained = false;

  /**
   * @param purpose shown in CLIENT LIST and in the log
   * @param waitsForAdmission whether scripts are refused until the membership has looked at the server
   * @param gathers whether scripts called in one turn of the event loop go together at its end
   */
  constructor(
    settings: Settings,
    current: CurrentServer,
    purpose: string,
    private readonly waitsForAdmission = false,
    private readonly gathers = false,
  ) {
    super();
    this.#logger = new Logger(`Redis ${purpose}`);
    this.#current = current;
    this.redis = new Redis(settings.REDIS_URL, connectionOptions(settings, purpose));
    this.#calls = new ScriptCalls(this.redis, () => this.server);
    this.redis.on('error', (error: Error) => {
      this.#complain(error.message || error.name);
    });
    this.redis.on('close', () => {
      this.#leave();
    });
    this.redis.on('ready', () => void this.#arrive());
  }

  /** The server at the other end, while it is the one that this node works with. */
  get server(): RedisServer | undefined {
    if (this.redis.status !== 'ready' || !isSame(this.#server, this.#current.server)) return undefined;
    return this.waitsForAdmission && !this.#current.admitted ? undefined : this.#server;
  }

  /**
   * Runs a script once, as the function of its library. That Redis does not know it means that it did not run: then Redis
   * is given the library and called again.
   * @param joins the call is short whatever Redis has (some 50 µs), so that it may go as one with others of its turn
   * @throws RedisUnavailable
   */
  async run<Answer>(script: LuaScript<Answer>, keys: string[], args: RedisArgument[], joins = false): Promise<Answer> {
    const { server } = this;
    if (!server) throw new RedisUnavailable('Redis cannot be reached', false);
    const started = performance.now();
    let failed = true;
    try {
      const call = { script, keys, args, server, joins };
      const answer = await (this.gathers ? this.#calls.atEndOfTurn(call) : this.#calls.now(call));
      failed = false;
      return answer as Answer;
    } catch (cause) {
      throw asUnavailable(cause);
    } finally {
      this.emit('answered', script.name, performance.now() - started, failed);
    }
  }

  /** Cuts the connection; it is made anew. For a peer that accepts commands but is not heard from. */
  reconnect(): void {
    // One that is just being made, by way of Sentinels, would end for good.
    if (this.redis.status === 'ready') this.redis.disconnect(true);
  }

  /** Ends the connection for good, after the answers that are under way. */
  async close(): Promise<void> {
    this.#complained = true;
    if (this.redis.status === 'ready') await this.redis.quit().catch(() => undefined);
    this.redis.disconnect();
  }

  async #arrive(): Promise<void> {
    let server: RedisServer;
    try {
      server = parseServer(await this.redis.info());
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
      this.reconnect();
      return;
    }
    if (server.role !== 'master') {
      this.#complain(`the server is a ${server.role}, not the primary`);
      this.reconnect();
      return;
    }
    if (this.#complained) this.#logger.log('connected again');
    this.#complained = false;
    this.#server = server;
    this.#current.met(server);
    this.emit('up', server);
  }

  #leave(): void {
    const wasUp = this.#server !== undefined;
    this.#server = undefined;
    if (wasUp) {
      this.#complain('the connection was lost');
      this.emit('down');
    }
  }

  /** Says once per outage what is wrong, not once per attempt. */
  #complain(reason: string): void {
    if (!this.#complained) this.#logger.warn(`Redis is away: ${reason}`);
    this.#complained = true;
  }
}
