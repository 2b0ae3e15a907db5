import { Injectable } from '@nestjs/common';
import { Problem } from './problem.js';

/** Tells everything in this node that it is about to stop: first that it will, then that it does. */
@Injectable()
export class Draining {
  readonly #announced = new AbortController();
  readonly #begun = new AbortController();

  /** Aborted once, when the stop is announced: balancers are to send nothing more, and everything is still served. */
  get announced(): AbortSignal {
    return this.#announced.signal;
  }

  /** Aborted once, when the node begins to stop: waiters are let go with {@link NodeDraining}. */
  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  announce(): void {
    this.#announced.abort();
  }

  begin(): void {
    this.announce();
    this.#begun.abort();
  }
}

/** 503: this node stops, another one serves. */
export class NodeDraining extends Problem {
  /** @param mayHaveTakenEffect false where the call certainly did nothing */
  constructor(mayHaveTakenEffect: boolean) {
    super(503, 'This node is stopping; ask another one', { headers: { 'Retry-After': '1' }, mayHaveTakenEffect });
  }
}
