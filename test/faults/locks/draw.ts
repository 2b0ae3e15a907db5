import type { Chance } from '../../chance.js';
import type { LockRequest, Mode, Wanted } from './history.js';

/** What a client asks for next. */
export class Draw {
  constructor(
    private readonly chance: Chance,
    private readonly names: readonly string[],
  ) {}

  lock(name = this.chance.of(this.names)): Wanted {
    const { chance } = this;
    const mode: Mode = chance.happens(0.35) ? 'shared' : 'exclusive';
    return mode === 'shared' && chance.happens(0.3) ? { name, mode, limit: 1 + chance.below(3) } : { name, mode };
  }

  acquire(owner: string, lock = this.lock()): LockRequest {
    return { kind: 'acquire', owner, locks: [lock], leaseMs: this.lease(), waitMs: this.wait() };
  }

  /** Mostly in no order: to the nodes it must not matter. */
  many(owner: string): LockRequest {
    const { chance, names } = this;
    const some = names.filter(() => chance.happens(0.5));
    if (some.length === 0) some.push(chance.of(names));
    if (chance.happens(0.7)) some.reverse();
    const locks = some.map((name) => this.lock(name));
    const waitMs = chance.happens(0.5) ? 0 : 100 + chance.below(1000);
    return { kind: 'acquire-many', owner, locks, leaseMs: this.lease(), waitMs };
  }

  lease(): number {
    return 1000 + this.chance.below(2001);
  }

  wait(): number {
    const { chance } = this;
    return chance.happens(0.25) ? 0 : chance.happens(0.3) ? 50 + chance.below(400) : 500 + chance.below(4000);
  }
}
