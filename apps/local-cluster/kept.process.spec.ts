import { describe, expect, it } from 'vitest';
import type { Exit } from '#lib/process';
import { KeptProcess, restartDelay, type Running } from './kept.process.js';

/** A process that ends when the test says so. */
class Fake implements Running {
  readonly exited: Promise<Exit>;
  end!: (exit: Exit) => void;
  killed = false;

  constructor() {
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  stop(): Promise<void> {
    this.end({ code: 0, signal: null });
    return Promise.resolve();
  }

  kill(): void {
    this.killed = true;
  }
}

/** Gives out what is started, one after the other, as it is started. */
class Starts {
  readonly started: Fake[] = [];
  #waiting: (() => void)[] = [];

  readonly run = (): Promise<Fake> => {
    const fake = new Fake();
    this.started.push(fake);
    for (const wake of this.#waiting.splice(0)) wake();
    return Promise.resolve(fake);
  };

  async nth(number: number): Promise<Fake> {
    for (;;) {
      const fake = this.started[number - 1];
      if (fake) return fake;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

describe('a kept process', () => {
  it('is started again at once after one end, later and later when it keeps ending, at most every 5 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 50].map(restartDelay)).toEqual([0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
  });

  it('is started again however it ended, and that is said', async () => {
    const starts = new Starts();
    const said: string[] = [];
    const kept = new KeptProcess('node2', starts.run, (text) => said.push(text));
    await kept.start();
    (await starts.nth(1)).end({ code: null, signal: 'SIGKILL' });
    (await starts.nth(2)).end({ code: 0, signal: null });
    await starts.nth(3);
    await kept.stop();
    expect(said).toEqual([
      'node2 ended (killed by SIGKILL); it is started again in 0.25 s',
      'node2 ended (code 0); it is started again in 0.5 s',
    ]);
    expect(starts.started.length).toBe(3);
  });

  it('is not started again when it was stopped', async () => {
    const starts = new Starts();
    const kept = new KeptProcess('node2', starts.run, () => undefined);
    await kept.start();
    await kept.stop();
    expect(starts.started.length).toBe(1);
  });

  it('is not started again when it is stopped while it waits for that', async () => {
    const starts = new Starts();
    const said: string[] = [];
    const kept = new KeptProcess('node2', starts.run, (text) => said.push(text));
    await kept.start();
    const first = await starts.nth(1);
    first.end({ code: 1, signal: null });
    await first.exited;
    await kept.stop();
    expect(starts.started.length).toBe(1);
  });

  it('is tried again where a later start fails, with the reason said once', async () => {
    const starts = new Starts();
    const said: string[] = [];
    const results = [() => starts.run(), refuse, refuse, () => starts.run()];
    const kept = new KeptProcess(
      'Redis',
      () => (results.shift() ?? refuse)(),
      (text) => said.push(text),
    );
    await kept.start();
    (await starts.nth(1)).end({ code: 1, signal: null });
    await starts.nth(2);
    await kept.stop();
    expect(said).toEqual([
      'Redis ended (code 1); it is started again in 0.25 s',
      'Redis did not start, next try in 0.5 s: the data is damaged',
      'Redis did not start, next try in 1 s: for the same reason',
    ]);
  });

  it('tells the reason where the first start fails', async () => {
    await expect(new KeptProcess('Redis', refuse, () => undefined).start()).rejects.toThrow('the data is damaged');
  });
});

function refuse(): Promise<never> {
  return Promise.reject(new Error('the data is damaged'));
}
