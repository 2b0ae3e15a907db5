import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { SETTINGS, type Settings } from '#lib/config';
import { Draining } from '#lib/http';
import { Membership } from '#lib/membership';
import { RedisConnections } from '#lib/redis';

/** How a node stops, step by step. Nothing else in the project decides about this order. */
export async function shutDown(app: NestExpressApplication): Promise<void> {
  const logger = new Logger('Shutdown');
  const settings = app.get<Settings>(SETTINGS);
  logger.log('stopping: no longer ready, waiters are let go');
  app.get(Draining).begin();

  await finishRequests(app.getHttpServer(), settings.SHUTDOWN_GRACE_MS);

  logger.log('giving the lease back');
  await app.get(Membership).retire();
  await app.close();
  await app.get(RedisConnections).close();
  logger.log('stopped');
}

/** Takes no new connections, lets requests in flight end within the grace, then cuts what is left. */
async function finishRequests(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  await closed;
  clearTimeout(cut);
}
