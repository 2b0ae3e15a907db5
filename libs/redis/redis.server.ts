import { EventEmitter } from 'node:events';

/** Which Redis process answers on a connection, as its INFO says. A restart or a takeover changes it. */
export interface RedisServer {
  readonly runId: string;
  readonly replicationId: string;
  readonly role: string;
  readonly version: string;
  /** True where this server was a replica of another before: what it did not receive is lost. */
  readonly promoted: boolean;
}

/** @param info the text of INFO (sections server and replication at least) */
export function parseServer(info: string): RedisServer {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  return {
    runId: field('run_id'),
    replicationId: field('master_replid'),
    role: field('role'),
    version: field('redis_version'),
    promoted: !/^0*$/.test(field('master_replid2')),
  };
}

/**
 * The Redis server that this node works with: one for all its connections. The connection that first meets another
 * one makes it the current one, and commands on connections to the former are refused from that moment
 * (docs/PROTOCOL.md "Redis restarts").
 */
export class CurrentServer extends EventEmitter<{ changed: [server: RedisServer, previous: RedisServer | undefined] }> {
  #server: RedisServer | undefined;
  #admitted: RedisServer | undefined;

  get server(): RedisServer | undefined {
    return this.#server;
  }

  /** A connection has just been made to this server. Listeners of `changed` run before this returns. */
  met(server: RedisServer): void {
    const previous = this.#server;
    if (previous && isSame(previous, server)) return;
    this.#server = server;
    this.#admitted = undefined;
    this.emit('changed', server, previous);
  }

  /** This server has been looked at: the services' commands may go to it (until then only the membership's do). */
  admit(server: RedisServer): void {
    if (isSame(server, this.#server)) this.#admitted = server;
  }

  get admitted(): boolean {
    return this.#admitted !== undefined;
  }
}

export function isSame(a: RedisServer | undefined, b: RedisServer | undefined): boolean {
  return a?.runId === b?.runId && a?.replicationId === b?.replicationId && a?.role === b?.role;
}
