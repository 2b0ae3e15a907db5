import './source.maps.js';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from 'nestjs-pino';
import { InvalidSettings, SETTINGS, VERSION, type Settings } from '#lib/config';
import { HttpAdapter, setUpHttp } from '#lib/http';
import { AppModule } from './app.module.js';
import { shutDown } from './shutdown.js';
import { onStopSignal } from './signals.js';
import { SilentConnections } from './silent.connections.js';
import { releaseStartMemory } from './start.memory.js';

async function start(): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, new HttpAdapter(), {
    bodyParser: false,
    bufferLogs: true,
    abortOnError: false,
  });
  const logger = app.get(Logger);
  app.useLogger(logger);
  const settings = app.get<Settings>(SETTINGS);
  setUpHttp(app, settings);
  const silent = new SilentConnections(app.getHttpServer());

  const hurry = new AbortController();
  let stopping = false;
  onStopSignal((signal) => {
    // Who presses Ctrl-C, or asks twice, has no balancer to wait for.
    if (signal === 'SIGINT' || stopping) hurry.abort();
    if (stopping) return;
    stopping = true;
    shutDown(app, silent, hurry.signal).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error(error);
        process.exit(1);
      },
    );
  });

  await app.init();
  releaseStartMemory();
  await app.listen(settings.PORT, settings.HOST);
  logger.log(`node ${settings.NODE_ID} (version ${VERSION}) listens on ${settings.HOST}:${settings.PORT}`);
}

/** Failures that an operator can mend are told in a sentence, defects with their stack. */
function tell(error: unknown): string {
  if (error instanceof InvalidSettings) return error.message;
  const { code, port } = error as { code?: unknown; port?: unknown };
  if (code === 'EADDRINUSE') return `Port ${String(port)} is taken by another program; set PORT to a free one.`;
  if (code === 'EACCES') return `Port ${String(port)} may not be opened by this user.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

start().catch((error: unknown) => {
  process.stderr.write(`${tell(error)}\n`);
  process.exit(1);
});
