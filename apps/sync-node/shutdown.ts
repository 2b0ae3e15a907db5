import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { SETTINGS, type Settings } from '#lib/config';
import { Draining } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';
import type { SilentConnections } from './silent.connections.js';

/** Long enough for a first request that is under way on a new connection. */
const SILENT_MS = 500;

/**
 * How a node stops, step by step. Nothing else in the project decides about this order.
 * @param hurry aborted where nobody is given notice: the stop begins at once, or goes on at once
 */
export async function shutDown(
  app: NestExpressApplication,
  silent: SilentConnections,
  hurry: AbortSignal,
): Promise<void> {
  const logger = new Logger('Shutdown');
  const settings = app.get<Settings>(SETTINGS);
  const draining = app.get(Draining);
  if (settings.SHUTDOWN_NOTICE_MS > 0 && !hurry.aborted) {
    logger.log(`no longer ready; serves for ${settings.SHUTDOWN_NOTICE_MS} ms more, until balancers have seen it`);
    draining.announce();
    await pause(settings.SHUTDOWN_NOTICE_MS, undefined, { signal: hurry }).catch(() => undefined);
  }
  logger.log('stopping: waiters are let go');
  draining.begin();

  await finishRequests(app.getHttpServer(), silent, settings.SHUTDOWN_GRACE_MS);

  logger.log('giving the lease back');
  await app.get(Membership).retire();
  // Nothing is asked or answered any more. BullMQ would wait for a Redis that is away until it is back.
  const closed = closeConnections(app).then(() => true);
  const inTime = await Promise.race([closed, pause(2 * settings.REDIS_TIMEOUT_MS, false)]);
  logger.log(inTime ? 'stopped' : 'stopped without a word to Redis, which does not answer');
}

/** Takes no new connections, lets requests in flight end within the grace, then cuts what is left. */
async function finishRequests(server: Server, silent: SilentConnections, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const cutSilent = setTimeout(() => {
    silent.cut();
  }, SILENT_MS);
  const cutAll = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearTimeout(cutSilent);
  clearTimeout(cutAll);
}

async function closeConnections(app: NestExpressApplication): Promise<void> {
  await app.close();
  await app.get(RedisConnections).close();
}
