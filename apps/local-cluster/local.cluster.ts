import { mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { childEnvironment, type LocalClusterSettings, type Settings } from '#lib/config';
import { Child } from '#lib/process';
import { findRedisServer, LocalRedis } from '#lib/redis';
import type { ClusterOutput, Say } from './cluster.output.js';
import { KeptProcess } from './kept.process.js';
import { takenPorts } from './port.check.js';
import { claim } from './single.instance.js';

const NODE_PROGRAM = fileURLToPath(new URL('../sync-node/main.js', import.meta.url));
/** Over the grace that a node gives its requests. */
const STOP_MARGIN_MS = 5000;
const PATIENCE_MS = 10_000;

/** The cluster cannot start as things are. The message says why and what to do. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

interface Node {
  readonly id: string;
  readonly port: number;
  readonly url: string;
}

/** @returns the nodes that the settings ask for, one port after the other */
export function nodesOf({ LOCAL_CLUSTER_NODES, LOCAL_CLUSTER_PORT }: LocalClusterSettings): Node[] {
  return Array.from({ length: LOCAL_CLUSTER_NODES }, (_, index) => {
    const port = LOCAL_CLUSTER_PORT + index;
    return { id: `node${index + 1}`, port, url: `http://localhost:${port}` };
  });
}

/** Nodes and, unless one is given, a Redis, all on this machine and kept running. */
export class LocalCluster {
  readonly #nodes: readonly Node[];
  readonly #stopping = new AbortController();
  readonly #say: Say;
  #kept: KeptProcess[] = [];
  #redisIsNew = false;
  #keptRedis: KeptProcess | undefined;
  #claim: Server | undefined;

  /**
   * @param settings its own
   * @param nodeSettings what every node will read from this environment
   */
  constructor(
    private readonly settings: LocalClusterSettings,
    private readonly nodeSettings: Settings,
    private readonly output: ClusterOutput,
  ) {
    this.#nodes = nodesOf(settings);
    this.#say = output.of('cluster');
  }

  /**
   * Starts everything; returns when all nodes are ready or the cluster was stopped meanwhile.
   * @throws CannotStart, LocalRedisFailed, RedisServerMissing
   */
  async start(): Promise<void> {
    await this.#claimFolder();
    await this.#checkPorts();
    const redisUrl = this.settings.REDIS_URL ?? (await this.#startRedis());
    if (this.#isStopped()) return;
    this.#say(`Redis: ${withoutPassword(redisUrl)}`);
    for (const node of this.#nodes) await this.#startNode(node, redisUrl);
    await this.#untilReady(redisUrl);
    if (!this.#isStopped()) this.output.plain(welcome(this.#nodes));
  }

  /** Ends the nodes in order, and Redis after them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#kept.map((node) => node.stop()));
    await this.#keptRedis?.stop();
    this.#claim?.close();
  }

  /** Ends everything at once; Redis has synced what was acknowledged. */
  kill(): void {
    this.#stopping.abort();
    for (const process of [...this.#kept, this.#keptRedis]) process?.kill();
    this.#claim?.close();
  }

  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #claimFolder(): Promise<void> {
    const { LOCAL_CLUSTER_DATA: data } = this.settings;
    mkdirSync(data, { recursive: true });
    const mine = { pid: process.pid, addresses: this.#nodes.map(({ url }) => url) };
    const claimed = await claim(join(data, 'cluster.sock'), mine);
    if ('pid' in claimed) {
      throw new CannotStart(
        `The cluster of this folder runs already (pid ${claimed.pid}): ${claimed.addresses.join(', ')}. ` +
          `Stop it with Ctrl-C where it was started, or with: kill ${claimed.pid}`,
      );
    }
    this.#claim = claimed;
  }

  async #checkPorts(): Promise<void> {
    const taken = await takenPorts(this.#nodes.map(({ port }) => port));
    if (taken.length === 0) return;
    throw new CannotStart(
      `${taken.join('\n')}\nEnd what uses ${taken.length === 1 ? 'it' : 'them'}, or choose other ports: ` +
        `LOCAL_CLUSTER_PORT=${this.settings.LOCAL_CLUSTER_PORT + 1000} npm start`,
    );
  }

  /** @returns its URL */
  async #startRedis(): Promise<string> {
    const say = this.output.of('redis');
    const binary = await findRedisServer(say);
    const directory = join(this.settings.LOCAL_CLUSTER_DATA, 'redis');
    let redis: LocalRedis | undefined;
    this.#keptRedis = new KeptProcess(
      'Redis',
      async () => {
        if (redis) await redis.restart();
        else redis = await LocalRedis.start({ directory, binary, onWarning: say });
        return redis;
      },
      say,
    );
    await this.#keptRedis.start();
    if (!redis) throw new Error('Redis was started but is not known');
    const { fresh, url } = redis;
    say(`${binary.argv0} ${binary.version}, ${fresh ? 'no data yet' : 'data from last time'}, in ${directory}`);
    // Its data was made just now: nodes need not hold back for what others may have been granted before.
    this.#redisIsNew = fresh;
    return url;
  }

  async #startNode(node: Node, redisUrl: string): Promise<void> {
    const say = this.output.of(node.id);
    const env = childEnvironment({
      NODE_ID: node.id,
      HOST: '127.0.0.1',
      PORT: String(node.port),
      PUBLIC_URL: node.url,
      REDIS_URL: redisUrl,
      ...(this.#redisIsNew && { EMPTY_REDIS_IS_NEW: 'true' }),
      NODE_ENV: 'production',
      // What is compiled at one start is only loaded at the next.
      NODE_COMPILE_CACHE: join(this.settings.LOCAL_CLUSTER_DATA, 'compiled'),
      // This is read by people, even where it goes through a pipe.
      LOG_PRETTY: this.nodeSettings.LOG_PRETTY === 'false' ? 'false' : 'true',
      ...(this.output.coloured && { FORCE_COLOR: '1' }),
    });
    const graceMs = this.nodeSettings.SHUTDOWN_GRACE_MS + STOP_MARGIN_MS;
    const run = async () => {
      const child = await Child.start({ file: process.execPath, args: ['--enable-source-maps', NODE_PROGRAM], env });
      child.on('line', say);
      return {
        exited: child.exited,
        stop: () => {
          // All nodes stop, so none waits until a balancer has taken it out.
          child.kill('SIGINT');
          return child.stop(graceMs);
        },
        kill: (signal: NodeJS.Signals) => {
          child.kill(signal);
        },
      };
    };
    const kept = new KeptProcess(node.id, run, this.#say);
    this.#kept.push(kept);
    await kept.start();
  }

  /** Waits for every node's readiness, and says after a while what it waits for. */
  async #untilReady(redisUrl: string): Promise<void> {
    const { signal } = this.#stopping;
    const started = performance.now();
    let complained = false;
    let waiting = this.#nodes;
    while (!signal.aborted) {
      const ready = await Promise.all(waiting.map(isReady));
      waiting = waiting.filter((_, index) => !ready[index]);
      if (waiting.length === 0) return;
      if (!complained && performance.now() - started > PATIENCE_MS) {
        complained = true;
        const who = waiting.map(({ id }) => id).join(', ');
        this.#say(`still waiting for ${who}; does Redis answer at ${withoutPassword(redisUrl)}?`);
      }
      await pause(50, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function isReady({ port }: Node): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function withoutPassword(redisUrl: string): string {
  const url = new URL(redisUrl);
  if (url.password !== '') url.password = '***';
  return url.href;
}

function welcome(nodes: readonly Node[]): string {
  const first = nodes[0]?.url ?? '';
  const body = JSON.stringify({ name: 'resource1', mode: 'exclusive', owner: 'clientA' });
  return [
    '',
    'All nodes serve:',
    ...nodes.map(({ id, url }) => `  ${id}  ${url}`),
    'Try:',
    `  curl -X POST ${first}/lock/acquire -H 'content-type: application/json' -d '${body}'`,
    'Ctrl-C stops everything; the data stays.',
    '',
  ].join('\n');
}
