import type { ServerResponse } from 'node:http';

/**
 * Writes the answers of one turn of the event loop together, when all requests that came in it are read. An answer that
 * is written in the middle of reading wakes its client there, and ends the turn's batch of answers before it begins. A
 * request that is alone is answered at once, and so is one that had to wait for something: it is in no reader's way.
 */
export class AnswersTogether {
  #held: (readonly [response: ServerResponse, text: string])[] = [];
  /** Requests read in this turn. */
  #read = 0;
  /** Whether the last turn that had any had several: then the first of this one is not taken for the only one. */
  #several = false;

  /** A request was read. */
  came(): void {
    if (this.#read === 0) setImmediate(this.#endTurn);
    this.#read += 1;
  }

  /** Ends an answer whose head is set. */
  end(response: ServerResponse, text: string): void {
    if (this.#read > 1 || (this.#read === 1 && this.#several)) this.#held.push([response, text]);
    else response.end(text);
  }

  readonly #endTurn = (): void => {
    this.#several = this.#read > 1;
    this.#read = 0;
    const held = this.#held;
    this.#held = [];
    for (const [response, text] of held) response.end(text);
  };
}
