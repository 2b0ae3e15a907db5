import type { ServerResponse } from 'node:http';

/**
 * Writes the answers of one turn of the event loop together, when all that came in it is read: requests, and what Redis
 * answered. An answer that is written in the middle of that wakes its client there, and ends the turn's batch of answers
 * before it begins. A request that is alone is answered at once.
 */
export class AnswersTogether {
  #held: (readonly [response: ServerResponse, text: string])[] = [];
  /** Requests read and answers made in this turn. */
  #made = 0;
  /** Whether the last turn that had any had more than one request and its answer: then this one is taken for such a turn too. */
  #several = false;

  /** A request was read. */
  came(): void {
    this.#count();
  }

  /** Ends an answer whose head is set. */
  end(response: ServerResponse, text: string): void {
    this.#count();
    if (this.#several || this.#made > 2) this.#held.push([response, text]);
    else response.end(text);
  }

  #count(): void {
    if (this.#made === 0) setImmediate(this.#endTurn);
    this.#made += 1;
  }

  readonly #endTurn = (): void => {
    this.#several = this.#made > 2;
    this.#made = 0;
    const held = this.#held;
    this.#held = [];
    for (const [response, text] of held) response.end(text);
  };
}
