import type { Change, LineState, OutcomeCode } from './line.types.js';

/** `I`: no copy. */
export type CopyState = LineState | 'I';

/** What the cache of this node tells whoever counts or logs. Nothing in them names a line. */
export interface CacheEvents {
  /** A write ended. `round`: others had to let go of the line first. */
  written: [kind: Change['kind'], code: OutcomeCode, round: boolean, durationMs: number];
  /** Copies of this node changed their state. */
  transition: [from: CopyState, to: CopyState, count: number];
  /** A round that this node waited in ended. */
  round: [durationMs: number];
  /** A line was invalidated here, and the directory has heard so; the time is from the message to that answer. */
  invalidated: [delayMs: number];
  /** This node had to see to a round that did not end by itself. */
  polled: [];
  /** Requests are held back since Redis may have lost something, for this long. */
  held: [durationMs: number];
}
