import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.js';
import type { TestNode } from '../cluster/index.js';
import { acquire, acquireMany, release, type LockAnswer } from './lock.client.js';

const LONG = { waitMs: 30_000, leaseMs: 60_000 };
const SHARERS = 2;

interface Wanted {
  readonly name: string;
  readonly mode: 'exclusive' | 'shared';
  readonly limit?: number;
}

interface TrafficOptions {
  readonly owners: number;
  readonly locks: number;
  readonly seed: number;
  /** Everyone takes locks in one order, so that no deadlock can come about. */
  readonly ordered: boolean;
}

export interface TrafficResult {
  readonly granted: number;
  readonly deadlocks: number;
  readonly timeouts: number;
  readonly violations: string[];
}

/** Owners that take a few locks in turn or together on any node, hold them for a moment and give them back. */
export class Traffic {
  readonly #holders = new Map<string, Map<string, string>>();
  readonly #tokens = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #chance: Chance;
  #granted = 0;
  #deadlocks = 0;
  #timeouts = 0;

  constructor(
    private readonly nodes: readonly TestNode[],
    private readonly options: TrafficOptions,
  ) {
    this.#chance = new Chance(options.seed);
  }

  async run(ms: number): Promise<TrafficResult> {
    const until = performance.now() + ms;
    const owners = Array.from({ length: this.options.owners }, (_, i) => `seed${this.options.seed}-${i}`);
    await Promise.all(
      owners.map(async (owner) => {
        while (performance.now() < until) await this.#turn(owner);
      }),
    );
    return {
      granted: this.#granted,
      deadlocks: this.#deadlocks,
      timeouts: this.#timeouts,
      violations: this.#violations,
    };
  }

  async #turn(owner: string): Promise<void> {
    const { locks, ordered } = this.options;
    const numbers = [...new Set([this.#chance.below(locks), this.#chance.below(locks), this.#chance.below(locks)])];
    if (ordered) numbers.sort((a, b) => a - b);
    const wanted = numbers.map((number) => this.#want(number));
    const held: string[] = [];
    if (this.#chance.below(4) === 0) await this.#takeTogether(owner, wanted, held);
    else await this.#takeInTurn(owner, wanted, held);
    for (const name of held) {
      this.#holders.get(name)?.delete(owner);
      const answer = await release(this.#node(), name, owner);
      if (!answer.ok) this.#violations.push(`${owner} could not release ${name}: ${answer.reason}`);
    }
  }

  /** Of the first lock, whoever shares it says that at most so many may. */
  #want(number: number): Wanted {
    const name = `traffic${this.options.seed}-${number}`;
    if (this.#chance.below(3) > 0) return { name, mode: 'exclusive' };
    return number === 0 ? { name, mode: 'shared', limit: SHARERS } : { name, mode: 'shared' };
  }

  async #takeTogether(owner: string, wanted: readonly Wanted[], held: string[]): Promise<void> {
    const answer = await acquireMany(
      this.#node(),
      owner,
      wanted.map((one) => ({ ...one })),
      LONG,
    );
    if (!answer.ok) {
      this.#refused(answer);
      return;
    }
    for (const one of wanted) {
      this.#enter(owner, one, answer.tokens?.[one.name] ?? 0);
      held.push(one.name);
    }
    await pause(this.#chance.below(5));
  }

  async #takeInTurn(owner: string, wanted: readonly Wanted[], held: string[]): Promise<void> {
    for (const one of wanted) {
      if (!(await this.#take(owner, one))) return;
      held.push(one.name);
      await pause(this.#chance.below(5));
      if (one.limit !== undefined || this.#chance.below(4) > 0) continue;
      if (one.mode === 'exclusive') await this.#downgrade(owner, one.name);
      // Whoever upgrades goes back to a lock that comes before others.
      else if (!this.options.ordered && !(await this.#take(owner, { name: one.name, mode: 'exclusive' }))) return;
    }
  }

  async #take(owner: string, wanted: Wanted): Promise<boolean> {
    const { name, ...fields } = wanted;
    const answer = await acquire(this.#node(), name, owner, { ...fields, ...LONG });
    if (answer.ok) this.#enter(owner, wanted, answer.token ?? 0);
    else this.#refused(answer);
    return answer.ok;
  }

  async #downgrade(owner: string, name: string): Promise<void> {
    // Others may share it before the answer is here.
    this.#holders.get(name)?.set(owner, 'shared');
    const { ok, token } = await acquire(this.#node(), name, owner, { mode: 'shared', leaseMs: LONG.leaseMs });
    if (!ok) this.#violations.push(`${owner} could not downgrade ${name}`);
    else if (token !== this.#tokens.get(name)) this.#violations.push(`the downgrade of ${name} has another token`);
  }

  #enter(owner: string, { name, mode, limit }: Wanted, token: number): void {
    this.#granted += 1;
    const holders = this.#holders.get(name) ?? new Map<string, string>();
    const others = [...holders].filter(([other]) => other !== owner);
    const modes = new Set([mode, ...others.map(([, held]) => held)]);
    if (others.length > 0 && modes.has('exclusive')) {
      this.#violations.push(`${owner} got ${name} (${mode}) beside ${others.map(([other]) => other).join()}`);
    }
    if (limit !== undefined && others.length >= limit) {
      this.#violations.push(`${owner} got ${name} beside ${others.length}, the limit is ${limit}`);
    }
    this.#holders.set(name, holders.set(owner, mode));
    if (mode === 'exclusive') {
      if (token <= (this.#tokens.get(name) ?? 0)) this.#violations.push(`the token of ${name} did not grow`);
      this.#tokens.set(name, token);
    }
  }

  #refused({ reason }: LockAnswer): void {
    if (reason === 'deadlock') this.#deadlocks += 1;
    else if (reason === 'timeout') this.#timeouts += 1;
    else this.#violations.push(`refused: ${reason}`);
  }

  #node(): TestNode {
    return this.#chance.of(this.nodes);
  }
}
