import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './caller.js';

/** What is known of a line that one client writes 1, 2, 3, .. to. */
class Line {
  started = 0;
  /** The highest value that was acknowledged or read: no later read may give an older one. */
  known = 0;
  version = 0;

  constructor(readonly key: string) {}
}

/** Writers and readers of lines, and clients that count together. */
export class CacheClients {
  readonly #counted = new Set<number>();
  reads = 0;

  constructor(private readonly caller: Caller) {}

  /** Until the clients are stopped; then what was counted is compared with the counter. */
  async run(): Promise<void> {
    const lines = ['red', 'green', 'blue'].map((key) => new Line(key));
    await Promise.all([
      ...lines.map((line) => this.#write(line)),
      ...lines.flatMap((line) => [this.#read(line), this.#read(line)]),
      this.#count(),
      this.#count(),
    ]);
    const counter = (await this.caller.get('/cache/read?key=counter'))?.['value'] as { value: number } | undefined;
    this.caller.check(
      counter?.value === this.#counted.size,
      `${this.#counted.size} increments made ${JSON.stringify(counter)}`,
    );
  }

  async #write(line: Line): Promise<void> {
    while (!this.caller.stopped.aborted) {
      const value = line.started + 1;
      line.started = value;
      const answer = await this.caller.post('/cache/write', { key: line.key, value });
      if (answer) {
        const version = answer['version'] as number;
        this.caller.check(version > line.version, `${line.key} got version ${version} after ${line.version}`);
        line.version = version;
        line.known = Math.max(line.known, value);
      }
      await pause(100);
    }
  }

  async #read(line: Line): Promise<void> {
    while (!this.caller.stopped.aborted) {
      const floor = line.known;
      const answer = await this.caller.get(`/cache/read?key=${line.key}`);
      if (answer) {
        const value = (answer['value'] as { value: number } | null)?.value ?? 0;
        this.caller.check(value >= floor, `${line.key} was read as ${value} after ${floor} was known`);
        this.caller.check(value <= line.started, `${line.key} was read as ${value}, which nobody wrote`);
        line.known = Math.max(line.known, value);
        this.reads += 1;
      }
      await pause(50);
    }
  }

  async #count(): Promise<void> {
    while (!this.caller.stopped.aborted) {
      const answer = await this.caller.post('/cache/increment', { key: 'counter' });
      if (answer) {
        const value = answer['value'] as number;
        this.caller.check(!this.#counted.has(value), `${value} was counted twice`);
        this.#counted.add(value);
      }
      await pause(80);
    }
  }
}
