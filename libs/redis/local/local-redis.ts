import { createWriteStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Child, freePort, type Exit } from '#lib/process';
import { findRedisServer, type RedisBinary } from './redis.binary.js';

const LOG_FILE = 'redis.log';
const MAX_LOG_BYTES = 1024 * 1024;
/** Reading an append-only file of some gigabytes takes about this long. */
const READY_MS = 120_000;
const STOP_MS = 10_000;
const LAST_LINES = 20;

export interface LocalRedisOptions {
  /** Holds the data and the log; made where it is missing. Data of an earlier run is taken up again. */
  readonly directory: string;
  /** On 127.0.0.1; one that is free unless given. */
  readonly port?: number;
  /** As found by findRedisServer, which is asked unless given. */
  readonly binary?: RedisBinary;
  /** Told each warning in the log of the running server. */
  readonly onWarning?: (text: string) => void;
}

/** The local redis-server did not come up. The message has the last lines of its log. */
export class LocalRedisFailed extends Error {
  override readonly name = 'LocalRedisFailed';
}

/**
 * A redis-server on this machine that loses no acknowledged write: append-only file, synced before each answer, and
 * nothing evicted. It ends with this process at the latest.
 */
export class LocalRedis {
  readonly url: string;
  #child: Child;

  private constructor(
    readonly directory: string,
    readonly port: number,
    readonly binary: RedisBinary,
    /** Whether the directory held no data of an earlier run. */
    readonly fresh: boolean,
    child: Child,
    private readonly onWarning: ((text: string) => void) | undefined,
  ) {
    this.url = `redis://127.0.0.1:${port}`;
    this.#child = child;
  }

  /**
   * Starts a server and waits until it answers.
   * @throws LocalRedisFailed where it ends instead (port taken, damaged data), or another server uses the directory
   * @throws RedisServerMissing
   */
  static async start(options: LocalRedisOptions): Promise<LocalRedis> {
    const binary = options.binary ?? (await findRedisServer());
    const directory = resolve(options.directory);
    await mkdir(directory, { recursive: true });
    const port = options.port ?? (await freePort());
    const fresh = dataFiles(directory).length === 0;
    const child = await launch(binary, directory, port, options.onWarning);
    return new LocalRedis(directory, port, binary, fresh, child, options.onWarning);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.running;
  }

  /** Settles when the process that runs now has ended. */
  get exited(): Promise<Exit> {
    return this.#child.exited;
  }

  /** Sends the server a signal; SIGSTOP and SIGCONT let it hang and go on. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the server in order: what it holds is in its files. */
  async stop(): Promise<Exit> {
    return await this.#child.stop(STOP_MS);
  }

  /**
   * Takes away the data of a server that has ended, as a lost disk would.
   * @throws LocalRedisFailed where the server runs
   */
  removeData(): void {
    if (this.running) throw new LocalRedisFailed(`Redis still runs (pid ${this.pid})`);
    for (const name of dataFiles(this.directory)) rmSync(join(this.directory, name), { recursive: true });
  }

  /**
   * Starts the server again after its end, on the same port and data.
   * @throws LocalRedisFailed
   */
  async restart(): Promise<void> {
    if (this.running) throw new LocalRedisFailed(`Redis runs already (pid ${this.pid})`);
    this.#child = await launch(this.binary, this.directory, this.port, this.onWarning);
  }
}

/** What in a directory is data of a server, and neither its log nor its pid. */
function dataFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('appendonly') || name.endsWith('.rdb'));
}

async function launch(
  binary: RedisBinary,
  directory: string,
  port: number,
  onWarning?: (text: string) => void,
): Promise<Child> {
  const other = await serverIn(directory);
  if (other !== undefined) {
    throw new LocalRedisFailed(
      `A redis-server from an earlier run (pid ${other}) still uses ${directory}. Two of them would damage the data; ` +
        `end that one first: kill ${other}`,
    );
  }
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: directory,
    pidfile: join(directory, 'redis.pid'),
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  };
  const child = await Child.start({
    file: binary.file,
    argv0: binary.argv0,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
  });
  const lastLines = keepLog(child, join(directory, LOG_FILE));
  if (await answers(child, port)) {
    if (onWarning) tellWarnings(child, onWarning);
    return child;
  }
  child.kill('SIGKILL');
  await child.exited;
  throw new LocalRedisFailed(`redis-server did not start on port ${port}. Its last words:\n${lastLines.join('\n')}`);
}

/** Appends what the server says to its log file, which starts anew when it has grown large. */
function keepLog(child: Child, path: string): string[] {
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.old`);
  const file = createWriteStream(path, { flags: 'a' });
  // A full disk must not end the process that watches over the server.
  file.on('error', () => undefined);
  const last: string[] = [];
  child.on('line', (line) => {
    file.write(`${line}\n`);
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
  });
  void child.exited.then(() => file.end());
  return last;
}

/** Passes on what a running server marks as a warning, which is also how it says why it ends. */
function tellWarnings(child: Child, onWarning: (text: string) => void): void {
  child.on('line', (line) => {
    const warning = /^\d+:[A-Z] .*? # (?:WARNING:? )?(.*)/.exec(line)?.[1];
    if (warning !== undefined) onWarning(warning);
  });
}

/** Waits until the server answers; false where it ended or took too long. */
async function answers(child: Child, port: number): Promise<boolean> {
  const deadline = Date.now() + READY_MS;
  while (child.running && Date.now() < deadline) {
    // The port may be another server's, and ours about to end because of that.
    if ((await askPid(port)) === child.pid) return true;
    await sleep(20);
  }
  return false;
}

/** @returns the pid of the server on a port, once it has loaded its data */
async function askPid(port: number): Promise<number | undefined> {
  const redis = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: 1000,
    commandTimeout: 1000,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
  } catch {
    return undefined;
  } finally {
    redis.disconnect();
  }
}

/** @returns the pid of a server that lives and has this directory as its own; a crash leaves its pid file behind */
async function serverIn(directory: string): Promise<number | undefined> {
  const pid = Number(await readFile(join(directory, 'redis.pid'), 'utf8').catch(() => ''));
  if (pid === 0 || Number.isNaN(pid)) return undefined;
  try {
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  if (!existsSync('/proc/self/cwd')) return pid;
  // Redis works in its data directory; a process that is another's, or has ended and waits to be reaped, does not.
  return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === (await realpath(directory)) ? pid : undefined;
}
