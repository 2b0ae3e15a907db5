import type { createBullBoard } from '@bull-board/api';
import type { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { Inject, Injectable } from '@nestjs/common';
import { Queue, QueueKeys as BullmqKeys, RedisConnection as BullmqConnection, RedisQueueBackend } from 'bullmq';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { SETTINGS, type Settings } from '#lib/config';
import { Problem } from '#lib/http';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import { QueueAdminService } from './queue.admin.service.js';
import { QueueStore } from './queue.store.js';

export const BOARD_ROUTE = '/admin/queues';
/** The board asks anew every few seconds; its queues are looked up at most this often. */
const REFRESH_MS = 5000;

/**
 * The queues that bull-board shows: the first QUEUE_BOARD_MAX by name, since it asks some 15 commands for each. They
 * share the node's connection. Read-only, as its actions would go past bounds and receipts. Loaded when somebody first
 * looks at it: most nodes never need its memory.
 */
@Injectable()
export class QueueBoard {
  readonly #shown = new Map<string, BullMQAdapter>();
  #loaded: Promise<Board> | undefined;
  #connection: BullmqConnection | undefined;
  #refreshedAt = -Infinity;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisConnections,
    private readonly store: QueueStore,
    private readonly admin: QueueAdminService,
  ) {}

  /** Answers what is asked below {@link BOARD_ROUTE}. */
  readonly serve = (request: Request, response: Response, next: NextFunction): void => {
    this.#prepare(request).then(({ pages }) => {
      pages(request, response, next);
    }, next);
  };

  async #prepare({ method }: Request): Promise<Board> {
    if (method !== 'GET' && method !== 'HEAD') {
      throw new Problem(405, 'The board is read-only', { headers: { Allow: 'GET, HEAD' } });
    }
    if (!this.redis.commands.server) throw new RedisUnavailable('Redis cannot be reached', false);
    const board = await (this.#loaded ??= loadBoard());
    if (performance.now() - this.#refreshedAt < REFRESH_MS) return board;
    const { queues } = await this.admin.list({ limit: this.settings.QUEUE_BOARD_MAX });
    this.#refreshedAt = performance.now();
    const names = new Set(queues.map(({ queue }) => queue));
    for (const name of this.#shown.keys()) if (!names.has(name)) this.#shown.delete(name);
    for (const name of names) {
      if (!this.#shown.has(name)) this.#shown.set(name, new board.Adapter(await this.#queue(name), options(name)));
    }
    board.bullBoard.replaceQueues([...this.#shown.values()]);
    return board;
  }

  async #queue(name: string): Promise<Queue> {
    const connection = await this.#shared();
    const { bullmqName, bullmqPrefix } = this.store.keysOf(name);
    const keys = new BullmqKeys(bullmqPrefix);
    const options = { connection: this.redis.commands.redis, prefix: bullmqPrefix, skipMetasUpdate: true };
    const toKey = (type: string) => keys.toKey(bullmqName, type);
    return new Queue<unknown, unknown, string, unknown, unknown, string, RedisQueueBackend>(
      bullmqName,
      options,
      () => new RedisQueueBackend(connection, bullmqName, keys.getKeys(bullmqName), toKey, options, undefined, false),
    );
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

/** bull-board itself. */
interface Board {
  readonly bullBoard: ReturnType<typeof createBullBoard>;
  readonly Adapter: typeof BullMQAdapter;
  readonly pages: RequestHandler;
}

async function loadBoard(): Promise<Board> {
  const [api, adapter, pages] = await Promise.all([
    import('@bull-board/api'),
    import('@bull-board/api/bullMQAdapter'),
    import('./board.adapter.js'),
  ]);
  const serverAdapter = new pages.BoardAdapter().setBasePath(BOARD_ROUTE);
  const uiConfig = { boardTitle: 'Queues', hideRedisDetails: true };
  const bullBoard = api.createBullBoard({ queues: [], serverAdapter, options: { uiConfig } });
  return { bullBoard, Adapter: adapter.BullMQAdapter, pages: serverAdapter.getRouter() as RequestHandler };
}

function options(displayName: string) {
  return { readOnlyMode: true, displayName };
}
