import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../cluster/index.js';
import type { Caller } from './caller.js';

/** Owners of two locks that are held for moments, and of one that is held so long that the others wait for seconds. */
export class LockClients {
  readonly #holders = new Map<string, string>();
  readonly #tokens = new Map<string, number>();
  granted = 0;

  constructor(private readonly caller: Caller) {}

  async run(): Promise<void> {
    const short = ['a', 'b', 'c', 'd'].map((owner, index) => this.#turns(`short${index % 2}`, owner, 10));
    const long = ['x', 'y', 'z'].map((owner) => this.#turns('long', owner, 1000));
    await Promise.all([...short, ...long]);
  }

  async #turns(name: string, owner: string, holdMs: number): Promise<void> {
    while (!this.caller.stopped.aborted) {
      const token = await this.#acquire(name, owner);
      if (token !== undefined) await this.#hold(name, owner, token, holdMs);
      await pause(50);
    }
  }

  async #acquire(name: string, owner: string): Promise<number | undefined> {
    const body = { name, owner, mode: 'exclusive', leaseMs: 30_000 };
    const answer =
      name === 'long'
        ? await this.caller.wait('/lock/acquire', { ...body, waitMs: 4000 })
        : await this.caller.post('/lock/acquire', { ...body, waitMs: 500 });
    if (answer?.['ok'] !== true) {
      const reason = answer?.['reason'] ?? 'timeout';
      this.caller.check(reason === 'timeout', `${owner} was refused ${name}: ${JSON.stringify(answer)}`);
      return undefined;
    }
    const token = answer['token'] as number;
    const holder = this.#holders.get(name);
    this.caller.check(holder === undefined, `${owner} got ${name} while ${holder} held it`);
    const last = this.#tokens.get(name) ?? 0;
    this.caller.check(token > last, `${name} was given to ${owner} with token ${token} after ${last}`);
    this.#holders.set(name, owner);
    this.granted += 1;
    return token;
  }

  async #hold(name: string, owner: string, token: number, holdMs: number): Promise<void> {
    const last = this.#tokens.get(name);
    this.#tokens.set(name, token);
    const guarded = { key: `guarded by ${name}`, value: token };
    const write = (fence: number) =>
      this.caller.post('/cache/write', { ...guarded, fence: { lock: name, token: fence } });
    this.#expect({ ok: true }, await write(token), `${owner} to write under ${name}`);
    if (last !== undefined) {
      this.#expect({ ok: false, reason: 'stale_token' }, await write(last), `the last holder of ${name} to be refused`);
    }
    await pause(holdMs);
    const renewed = await this.caller.post('/lock/renew', { owner, names: [name] });
    this.#expect({ ok: true, renewed: [name] }, renewed, `${owner} to renew ${name}`);
    // Before the call, whose effect comes before its answer.
    this.#holders.delete(name);
    const released = await this.caller.post('/lock/release', { name, owner, token });
    this.#expect({ ok: true }, released, `${owner} to release ${name}`);
  }

  #expect(expected: JsonObject, answer: JsonObject | undefined, what: string): void {
    if (!answer) return;
    const good = Object.entries(expected).every(
      ([field, value]) => JSON.stringify(answer[field]) === JSON.stringify(value),
    );
    this.caller.check(good, `expected ${what}: ${JSON.stringify(answer)}`);
  }
}
