import { Redis, SentinelConnector, type SentinelConnectionOptions } from 'ioredis';
import type { Settings } from '#lib/config';

const SWITCHED = '+switch-master';

/** The options under which the Sentinels, where there are any, are asked for the primary: for whoever connects to Redis. */
export function sentinelOptions(settings: Settings) {
  const { REDIS_SENTINELS, REDIS_SENTINEL_PASSWORD, REDIS_URL, REDIS_TIMEOUT_MS } = settings;
  if (REDIS_SENTINELS === undefined) return {};
  const { protocol, hostname } = new URL(REDIS_URL);
  return {
    Connector: FollowingConnector,
    sentinels: REDIS_SENTINELS.split(',').map(addressOf),
    name: hostname,
    sentinelCommandTimeout: REDIS_TIMEOUT_MS,
    sentinelRetryStrategy: (attempt: number) => Math.min(25 * attempt, 250),
    ...(REDIS_SENTINEL_PASSWORD !== undefined && { sentinelPassword: REDIS_SENTINEL_PASSWORD }),
    ...(protocol === 'rediss:' && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  };
}

/** @param text host and port, an IPv6 address in brackets */
function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/**
 * Cuts the connection to a primary that is none any more as soon as a Sentinel says so: for some seconds it may still
 * take writes, which would be lost. The library's own `failoverDetector` ends a connection for good where it is being
 * made at that moment.
 */
class FollowingConnector extends SentinelConnector {
  #watching: Redis[] = [];

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(...given: Parameters<SentinelConnector['connect']>) {
    const stream = await super.connect(...given);
    if (this.#watching.length === 0) this.#watching = (this.options.sentinels ?? []).map((one) => this.#watch(one));
    return stream;
  }

  override disconnect(): void {
    super.disconnect();
    for (const sentinel of this.#watching) sentinel.disconnect();
    this.#watching = [];
  }

  #watch({ host = '', port = 0 }: { host?: string; port?: number }): Redis {
    const { name, sentinelPassword, sentinelTLS } = this.options;
    const sentinel = new Redis(port, host, {
      enableReadyCheck: false,
      maxRetriesPerRequest: null,
      retryStrategy: () => 1000,
      ...(sentinelPassword !== undefined && { password: sentinelPassword }),
      ...(sentinelTLS && { tls: sentinelTLS }),
    });
    // It is tried again, and others tell the same.
    sentinel.on('error', () => undefined);
    sentinel.subscribe(SWITCHED).catch(() => undefined);
    sentinel.on('message', (_channel: string, text: string) => {
      if (text.startsWith(`${name} `)) this.stream.destroy();
    });
    return sentinel;
  }
}
