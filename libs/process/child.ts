import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { keep } from './keeper.js';

/** How a process is started. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; that of this process unless given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What the process sees as its own name, where that differs from `file`. */
  readonly argv0?: string;
}

/** How a process ended: `code` where it did so by itself, `signal` where it was killed. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running process that ends with this one at the latest, whatever ends this one. */
export class Child extends EventEmitter<{ line: [text: string] }> {
  readonly pid: number;
  /** Settles when the process has ended and everything it wrote was given out as `line`. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, pid: number) {
    super();
    this.#process = process;
    this.pid = pid;
    const release = keep(pid);
    process.once('exit', release);
    this.exited = new Promise((resolve) => {
      process.once('close', (code, signal) => {
        resolve({ code, signal });
      });
    });
    // A signal that could not be delivered; the process that it was meant for goes on and is seen to go on.
    process.on('error', () => undefined);
    for (const stream of [process.stdout, process.stderr]) this.#readLines(stream);
  }

  /**
   * Starts a process in a group of its own, so that Ctrl-C on the terminal reaches it only through us.
   * @throws Error where the system cannot start it (no such file, not executable)
   */
  static async start(command: Command): Promise<Child> {
    const { file, args, ...options } = command;
    const process = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (process.pid === undefined) {
      const [error] = (await once(process, 'error')) as [Error];
      throw error;
    }
    return new Child(process, process.pid);
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Sends a signal; nothing happens where the process has ended. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /**
   * Ends the process: SIGTERM, and SIGKILL when it is still there after the grace.
   * A paused process is continued first, since it could not follow SIGTERM.
   */
  async stop(graceMs: number): Promise<Exit> {
    this.kill('SIGCONT');
    this.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.kill('SIGKILL');
    }, graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  #readLines(stream: Readable | null): void {
    if (!stream) return;
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (text) => this.emit('line', text));
  }
}
