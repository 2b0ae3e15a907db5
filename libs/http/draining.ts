import { Injectable } from '@nestjs/common';
import { Problem } from './problem.js';

/** Tells whoever waits that this node is about to stop. */
@Injectable()
export class Draining {
  readonly #controller = new AbortController();

  /** Aborted once, when the node begins to stop: waiters are let go with {@link NodeDraining}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(): void {
    this.#controller.abort();
  }
}

/** 503: this node stops, another one serves. */
export class NodeDraining extends Problem {
  /** @param mayHaveTakenEffect false where the call certainly did nothing */
  constructor(mayHaveTakenEffect: boolean) {
    super(503, 'This node is stopping; ask another one', { headers: { 'Retry-After': '1' }, mayHaveTakenEffect });
  }
}
