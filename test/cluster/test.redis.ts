import { Redis } from 'ioredis';
import { LocalRedis } from '#lib/redis';
import { endWithParent } from './end-with-parent.js';
import { makeDirectory, removeDirectory } from './directories.js';
import { reservePorts } from './ports.js';

/** A Redis of a test's own, which can be killed and started again on the same port and data. */
export class TestRedis {
  private constructor(private readonly server: LocalRedis) {}

  static async start(): Promise<TestRedis> {
    endWithParent();
    return new TestRedis(await LocalRedis.start({ directory: makeDirectory(), port: await reservePorts(1) }));
  }

  get url(): string {
    return this.server.url;
  }

  get port(): number {
    return this.server.port;
  }

  get pid(): number {
    return this.server.pid;
  }

  /** Sends it one command. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const redis = new Redis(this.url);
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** Sends a signal; resolves when the process has ended, if the signal is one that ends it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.server.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.server.exited;
  }

  /** Lets it hang: it keeps its connections and answers nothing. */
  pause(): void {
    this.server.kill('SIGSTOP');
  }

  resume(): void {
    this.server.kill('SIGCONT');
  }

  /** Starts it again after its end. `empty` takes its data away first. */
  async restart({ empty = false } = {}): Promise<void> {
    if (empty) this.server.removeData();
    await this.server.restart();
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.server.stop();
    removeDirectory(this.server.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts a Redis for one test or one file of tests. */
export async function startRedis(): Promise<TestRedis> {
  return await TestRedis.start();
}
