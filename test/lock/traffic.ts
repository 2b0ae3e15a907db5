import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.js';
import type { TestNode } from '../cluster/index.js';
import { acquire, release, type LockAnswer } from './lock.client.js';

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

/** Owners that take a few locks one after the other on any node, hold them for a moment and give them back. */
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
    const { seed, locks, ordered } = this.options;
    const numbers = [...new Set([this.#chance.below(locks), this.#chance.below(locks), this.#chance.below(locks)])];
    if (ordered) numbers.sort((a, b) => a - b);
    const held: string[] = [];
    for (const number of numbers) {
      const name = `traffic${seed}-${number}`;
      const mode = this.#chance.below(3) === 0 ? 'shared' : 'exclusive';
      const answer = await acquire(this.#node(), name, owner, { mode, waitMs: 30_000, leaseMs: 60_000 });
      if (!answer.ok) {
        this.#refused(answer);
        break;
      }
      this.#enter(name, owner, mode, answer);
      held.push(name);
      await pause(this.#chance.below(5));
    }
    for (const name of held) {
      this.#holders.get(name)?.delete(owner);
      const answer = await release(this.#node(), name, owner);
      if (!answer.ok) this.#violations.push(`${owner} could not release ${name}: ${answer.reason}`);
    }
  }

  #enter(name: string, owner: string, mode: string, { token = 0 }: LockAnswer): void {
    this.#granted += 1;
    const others = this.#holders.get(name) ?? new Map<string, string>();
    if (others.size > 0 && (mode === 'exclusive' || [...others.values()].includes('exclusive'))) {
      this.#violations.push(`${owner} got ${name} (${mode}) beside ${[...others.keys()].join()}`);
    }
    this.#holders.set(name, others.set(owner, mode));
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
