import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { BullBoardInstance, BullBoardModuleOptions } from '@bull-board/nestjs';
import { Inject, Injectable } from '@nestjs/common';
import { Queue, QueueKeys as BullmqKeys, RedisConnection as BullmqConnection, RedisQueueBackend } from 'bullmq';
import type { NextFunction, Request, Response } from 'express';
import { SETTINGS, type Settings } from '#lib/config';
import { Problem } from '#lib/http';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import { BoardAdapter } from './board.adapter.js';
import { QueueAdminService } from './queue.admin.service.js';
import { QueueStore } from './queue.store.js';

const BOARD_ROUTE = '/admin/queues';
/** The board asks anew every few seconds; its queues are looked up at most this often. */
const REFRESH_MS = 5000;

/**
 * The queues that bull-board shows: the first QUEUE_BOARD_MAX by name, since it asks some 15 commands for each. They
 * share the node's connection. Read-only, as its actions would go past bounds and receipts.
 */
@Injectable()
export class QueueBoard {
  readonly #shown = new Map<string, BullMQAdapter>();
  #connection: BullmqConnection | undefined;
  #refreshedAt = -Infinity;
  #board: BullBoardInstance | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisConnections,
    private readonly store: QueueStore,
    private readonly admin: QueueAdminService,
  ) {}

  options(): BullBoardModuleOptions {
    return {
      route: BOARD_ROUTE,
      adapter: BoardAdapter,
      boardOptions: { uiConfig: { boardTitle: 'Queues', hideRedisDetails: true } },
      middleware: (request: Request, _response: Response, next: NextFunction) => {
        this.#prepare(request).then(() => {
          next();
        }, next);
      },
    };
  }

  use(board: BullBoardInstance): void {
    this.#board = board;
  }

  async #prepare({ method }: Request): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD') {
      throw new Problem(405, 'The board is read-only', { headers: { Allow: 'GET, HEAD' } });
    }
    if (!this.redis.commands.server) throw new RedisUnavailable('Redis cannot be reached', false);
    if (performance.now() - this.#refreshedAt < REFRESH_MS) return;
    const { queues } = await this.admin.list({ limit: this.settings.QUEUE_BOARD_MAX });
    this.#refreshedAt = performance.now();
    const names = new Set(queues.map(({ queue }) => queue));
    for (const name of this.#shown.keys()) if (!names.has(name)) this.#shown.delete(name);
    for (const name of names) if (!this.#shown.has(name)) this.#shown.set(name, await this.#adapter(name));
    this.#board?.replaceQueues([...this.#shown.values()]);
  }

  async #adapter(name: string): Promise<BullMQAdapter> {
    const connection = await this.#shared();
    const { bullmqName, bullmqPrefix } = this.store.keysOf(name);
    const keys = new BullmqKeys(bullmqPrefix);
    const options = { connection: this.redis.commands.redis, prefix: bullmqPrefix, skipMetasUpdate: true };
    const toKey = (type: string) => keys.toKey(bullmqName, type);
    const queue = new Queue<unknown, unknown, string, unknown, unknown, string, RedisQueueBackend>(
      bullmqName,
      options,
      () => new RedisQueueBackend(connection, bullmqName, keys.getKeys(bullmqName), toKey, options, undefined, false),
    );
    return new BullMQAdapter(queue, { readOnlyMode: true, displayName: name });
  }

  /** BullMQ's view of the connection that is there, for all of the board's queues. */
  async #shared(): Promise<BullmqConnection> {
    const { redis } = this.redis.commands;
    if (!this.#connection) {
      this.#connection = new BullmqConnection(redis, { shared: true, blocking: false });
      // Redis away: the connection itself says so in the log.
      this.#connection.on('error', () => undefined);
    }
    await this.#connection.client;
    return this.#connection;
  }
}
