import type { LineState } from './line.types.js';

/** What a read found. */
export class Reading {
  constructor(
    /** Answered from this node's memory, without a round trip. */
    readonly hit: boolean,
    /** The line's state in the whole system as this read found it. */
    readonly state: LineState,
    readonly version: number,
    /** The value as JSON text. */
    readonly json: string,
  ) {}

  /** The value, made anew each time: what a caller does to it is seen by nobody else. */
  get value(): unknown {
    return JSON.parse(this.json) as unknown;
  }
}
