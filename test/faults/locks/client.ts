import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../../chance.js';
import type { TestNode } from '../../cluster/index.js';
import { Draw } from './draw.js';
import { asks, grantsOf, type Call, type LockRequest, type Mode, type Wanted } from './history.js';
import type { Recorder } from './recorder.js';

/** In so many of the steps a client is never heard of again. */
const DEATHS = 0.03;
/** Most calls that are made again after an answer was lost. */
const REPETITIONS = 5;
/** Long enough for a deadlock to be found. */
const LONG_MS = 3000;

/**
 * A client that takes locks, does this and that with them and gives them back, one call at a time. After an answer that was
 * lost it repeats that very call on other nodes, and then goes on under another name: what an old call does late is then
 * no other call's.
 */
export class LockClient {
  #life = 0;
  #unclear = false;
  readonly #held = new Map<string, { mode: Mode; token: number }>();
  readonly #draw: Draw;

  constructor(
    private readonly prefix: string,
    private readonly recorder: Recorder,
    private readonly nodes: readonly TestNode[],
    private readonly chance: Chance,
    names: readonly string[],
    private readonly signal: AbortSignal,
    /** Never heard of again once it holds something: of every round, others wait for a dead holder. */
    private shortLived = false,
  ) {
    this.#draw = new Draw(chance, names);
  }

  /** Ends soon after the signal is aborted, and holds nothing then that it knows of and that can be given back. */
  async run(): Promise<void> {
    while (!this.signal.aborted) {
      await this.#turn();
      await pause(this.chance.below(40));
    }
  }

  get #owner(): string {
    return `${this.prefix}.${this.#life}`;
  }

  async #turn(): Promise<void> {
    const { chance } = this;
    const request = chance.happens(0.1) ? this.#draw.many(this.#owner) : this.#draw.acquire(this.#owner);
    const call = await this.#ask(request);
    if (call.outcome === 'nothing') await pause(50 + chance.below(150));
    if (this.shortLived && this.#held.size > 0) {
      this.shortLived = false;
      this.#rename();
      return;
    }
    const steps = chance.below(4);
    for (let step = 0; step < steps && this.#held.size > 0 && !this.#unclear && !this.signal.aborted; step += 1) {
      if (chance.happens(DEATHS)) {
        this.#rename();
        return;
      }
      await this.#step();
    }
    await this.#releaseAll();
    if (this.#unclear) this.#rename();
  }

  /** Something that holders do. */
  async #step(): Promise<void> {
    const { chance } = this;
    const dice = chance.next();
    if (dice < 0.45) await pause(chance.below(chance.happens(0.1) ? 800 : 50));
    else if (dice < 0.65) await this.#renew();
    else if (dice < 0.8) await this.#askAgain(false);
    else if (dice < 0.9) await this.#askAgain(true);
    else await this.#askMore();
  }

  /** One more lock, in any order, so that clients wait for each other. */
  async #askMore(): Promise<void> {
    await this.#renew(LONG_MS);
    if (!this.#unclear) await this.#ask({ ...this.#draw.acquire(this.#owner), leaseMs: LONG_MS, waitMs: LONG_MS });
  }

  async #renew(leaseMs = this.chance.happens(0.7) ? this.#draw.lease() : undefined): Promise<void> {
    const locks = this.#all();
    const lease = leaseMs !== undefined && { leaseMs };
    const call = await this.#make({ kind: 'renew', owner: this.#owner, locks, ...lease });
    for (const name of call.answer?.lost ?? []) this.#held.delete(name);
    if (this.chance.happens(0.1)) await pause(this.chance.below(900));
  }

  /** The same lock in the same mode, or in the other. */
  async #askAgain(otherwise: boolean): Promise<void> {
    const { name, mode } = this.chance.of(this.#all());
    const other = mode === 'shared' ? 'exclusive' : 'shared';
    await this.#ask(this.#draw.acquire(this.#owner, { name, mode: otherwise ? other : mode }));
  }

  async #ask(request: LockRequest): Promise<Call> {
    const call = await this.#make(request);
    for (const { name, mode, token } of grantsOf(call)) this.#held.set(name, { mode, token });
    return call;
  }

  async #releaseAll(): Promise<void> {
    for (const [name, { mode, token }] of [...this.#held]) {
      const known = this.chance.happens(0.6) && { token };
      await this.#make({ kind: 'release', owner: this.#owner, locks: [{ name, mode }], ...known });
    }
    this.#held.clear();
  }

  /** Makes a call, and makes it again while it is not clear what became of it. */
  async #make(request: LockRequest): Promise<Call> {
    const { chance } = this;
    let call = await this.#once(request);
    for (let again = 0; again < REPETITIONS && call.outcome === 'unclear'; again += 1) {
      this.#unclear = true;
      if (asks(request) && (this.signal.aborted || chance.happens(0.2))) break;
      if (again > 0) await pause(50 + chance.below(100));
      call = await this.#once(request);
    }
    return call;
  }

  async #once(request: LockRequest): Promise<Call> {
    const { waitMs = 0 } = request;
    const signals = asks(request) ? [this.signal] : [];
    // Some lose patience before their time, and some do not wait for answers that are late.
    if (waitMs > 0 && this.chance.happens(0.03)) signals.push(AbortSignal.timeout(this.chance.below(waitMs)));
    else if (this.chance.happens(0.5)) signals.push(AbortSignal.timeout(waitMs + 700));
    return await this.recorder.call(this.chance.of(this.nodes), request, AbortSignal.any(signals));
  }

  #rename(): void {
    this.#life += 1;
    this.#unclear = false;
    this.#held.clear();
  }

  #all(): Wanted[] {
    return [...this.#held].map(([name, { mode }]) => ({ name, mode }));
  }
}
