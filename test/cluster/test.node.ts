import { existsSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { Child, type Exit } from '#lib/process';
import { endWithParent } from './end-with-parent.js';
import { eventually } from './eventually.js';
import { get, post, request, type Answer, type Json, type RequestOptions } from './http.client.js';
import { reservePorts } from './ports.js';

const DIST = join(dirname(findPackageJSON(import.meta.url) ?? ''), 'dist');
const MAIN = join(DIST, 'apps/sync-node/main.js');
/** What one node compiled, the others only load, as in an image. */
export const COMPILED = join(DIST, 'compiled');
const READY_MS = 15_000;
const STOP_MS = 20_000;
const MAX_LOG_LINES = 10_000;

export interface TestNodeOptions {
  readonly redisUrl: string;
  readonly nodeId: string;
  /** One that no other test process has, unless given. */
  readonly port?: number;
  /** Settings beside those above. The node sees nothing else of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A node as a process of its own. It keeps its id and port when it is started again. */
export class TestNode {
  readonly url: string;
  /** How many requests it was sent. */
  requests = 0;
  readonly #log: string[] = [];
  #child: Child | undefined;

  private constructor(
    readonly id: string,
    readonly port: number,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** A node that is not started yet. */
  static async create({ redisUrl, nodeId, port, env }: TestNodeOptions): Promise<TestNode> {
    endWithParent();
    if (!existsSync(MAIN)) throw new Error(`There is no ${MAIN}: run "npm run build" first`);
    const at = port ?? (await reservePorts(1));
    return new TestNode(nodeId, at, {
      NODE_ENV: 'production',
      NODE_COMPILE_CACHE: COMPILED,
      NODE_ID: nodeId,
      HOST: '127.0.0.1',
      PORT: String(at),
      PUBLIC_URL: `http://localhost:${at}`,
      REDIS_URL: redisUrl,
      LOG_PRETTY: 'false',
      EMPTY_REDIS_IS_NEW: 'true',
      SHUTDOWN_NOTICE_MS: '0',
      ...env,
    });
  }

  get pid(): number {
    return this.process.pid;
  }

  get running(): boolean {
    return this.#child?.running ?? false;
  }

  /** Settles when the process that was started last has ended. */
  get exited(): Promise<Exit> {
    return this.process.exited;
  }

  private get process(): Child {
    if (!this.#child) throw new Error(`${this.id} was never started`);
    return this.#child;
  }

  /** Starts the process without waiting for anything, for a node that cannot become ready. */
  async launch(): Promise<void> {
    if (this.running) throw new Error(`${this.id} runs already`);
    this.#child = await Child.start({
      file: process.execPath,
      args: ['--enable-source-maps', MAIN],
      env: this.environment,
    });
    this.#child.on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > MAX_LOG_LINES) this.#log.shift();
    });
  }

  /**
   * Starts the process and waits until it is ready (GET /health answers 200).
   * @throws Error with the node's log, where it ends instead or takes too long
   */
  async start(): Promise<void> {
    await this.launch();
    await this.ready();
  }

  /** Waits until GET /health answers 200. */
  async ready(timeoutMs = READY_MS): Promise<void> {
    try {
      await eventually(
        async () =>
          !this.running || (await get(`${this.url}/health`, { signal: AbortSignal.timeout(2000) })).status === 200,
        { what: `${this.id} to be ready`, timeoutMs },
      );
      if (!this.running) throw new Error(`${this.id} ended at its start (${JSON.stringify(await this.exited)})`);
    } catch (error) {
      const log = this.#log.slice(-50).map((line) => `  ${line}`);
      throw new Error(`${(error as Error).message}\nIts log:\n${log.join('\n')}`, { cause: error });
    }
  }

  /** Sends a signal; resolves when the process has ended, if the signal is one that ends it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.process.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.exited;
  }

  /** Lets the node hang, as a long pause of its machine would. */
  pause(): void {
    this.process.kill('SIGSTOP');
  }

  resume(): void {
    this.process.kill('SIGCONT');
  }

  /** Stops the node as a deployment does: SIGTERM, and SIGKILL when it does not end in time. */
  async stop(): Promise<Exit | undefined> {
    return await this.#child?.stop(STOP_MS);
  }

  /** What it wrote since its first start, line by line; JSON but for what comes from outside the logger. */
  log(): readonly string[] {
    return this.#log;
  }

  async get(path: string, options?: RequestOptions): Promise<Answer> {
    this.requests += 1;
    return await get(this.url + path, options);
  }

  async post(path: string, json: Json, options?: RequestOptions): Promise<Answer> {
    this.requests += 1;
    return await post(this.url + path, json, options);
  }

  async request(method: string, path: string, options?: RequestOptions): Promise<Answer> {
    this.requests += 1;
    return await request(method, this.url + path, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts one node and waits until it is ready. */
export async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const node = await TestNode.create(options);
  await node.start();
  return node;
}
