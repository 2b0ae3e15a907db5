import type { ServerResponse } from 'node:http';
import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { pino, type DestinationStream, type LogFn, type Logger } from 'pino';
import { SETTINGS, type Settings } from '#lib/config';
import { givenHeader } from '#lib/http';

/** JSON lines with the node's id on standard output, or readable ones on a terminal. */
@Module({
  imports: [
    LoggerModule.forRootAsync({
      inject: [SETTINGS],
      useFactory: async (settings: Settings) => {
        const options = {
          level: settings.LOG_LEVEL,
          base: { node: settings.NODE_ID },
          genReqId: requestIdOf,
          hooks: { logMethod: leaveOutStartup },
          redact: ['req.headers.authorization', 'req.headers.cookie'],
        };
        const requestsAreLogged = pino.levels.values[settings.LOG_LEVEL] === pino.levels.values['debug'];
        return {
          pinoHttp: isPretty(settings) ? [options, await readable()] : options,
          // A logger per request costs more than most requests: they get one only where each is to be logged.
          ...(requestsAreLogged ? {} : { forRoutes: [] }),
        };
      },
    }),
  ],
})
export class LogModule {}

/** Loaded where people read the log; nodes elsewhere do without. */
async function readable(): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    sync: true,
    singleLine: true,
    ignore: 'pid,hostname,node,context',
    messageFormat: '{if context}{context}: {end}{msg}',
  });
}

function isPretty({ LOG_PRETTY }: Settings): boolean {
  return LOG_PRETTY === 'auto' ? process.stdout.isTTY : LOG_PRETTY === 'true';
}

function requestIdOf(_request: unknown, response: ServerResponse): string {
  return String(givenHeader(response, 'X-Request-Id'));
}

/** Nest tells every module and route at each start; that is for whoever debugs it. */
const startupContexts = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

function leaveOutStartup(this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
  const { context } = args[0] as { context?: unknown };
  const isStartup = level === pino.levels.values['info'] && typeof context === 'string' && startupContexts.has(context);
  if (!isStartup || this.isLevelEnabled('debug')) method.apply(this, args);
}
