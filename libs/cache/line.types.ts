/** State of a line as the HTTP contract and docs/PROTOCOL.md define it; `I` is "no copy". */
export type LineState = 'M' | 'E' | 'S';

/** The living epochs as a caller last read them: an epoch is dead if and only if it is issued and not living. */
export interface Snapshot {
  /** The last epoch issued. */
  readonly counter: number;
  readonly living: readonly number[];
}

/** A fencing token that a write shows for the lock it was made under. */
export interface Fence {
  readonly lock: string;
  readonly token: number;
}

/** What a write does to a line. `expire` turns a line that is past its expiry into "not found". */
export type Change =
  | { kind: 'write'; json: string; ttlMs?: number; ifVersion?: number; fence?: Fence }
  | { kind: 'delete'; ifVersion?: number; fence?: Fence }
  | { kind: 'increment'; by: number; ttlMs?: number }
  | { kind: 'expire'; version: number };

/** One write as a node sends it. */
export interface Write {
  readonly id: string;
  /** The writer's grant, should it become the line's owner. */
  readonly grant: number;
  /** True where the caller gave the id, so that its result must be kept for a repetition. */
  readonly repeatable: boolean;
  readonly change: Change;
}

/** A write that waits in an open round. */
export interface PendingWrite extends Write {
  readonly epoch: number;
  readonly instance: string;
  /** Instances to tell the result to; the writer's own comes first. */
  readonly recipients: readonly string[];
}

/** A copy that the directory has to ask about before the value may change. */
export interface Registration {
  readonly epoch: number;
  /** The largest grant under which this epoch was registered. */
  readonly grant: number;
  readonly instance: string;
}

/** A line as the directory in Redis keeps it. A round is open exactly while `pending` is not empty. */
export interface Line {
  /** The committed value as JSON text; undefined: the line is absent. */
  readonly json?: string;
  /** Only grows; an absent line keeps the last one. */
  readonly version: number;
  /** When the value ends, in milliseconds of Redis's clock. */
  readonly expiresAt?: number;
  /** Epoch of the last writer, while it is the only holder. */
  readonly owner?: number;
  /** In ascending order of epoch. While a round is open these are the epochs that it waits for. */
  readonly holders: readonly Registration[];
  /** Number of the open round, or of the last one. */
  readonly round: number;
  readonly pending: readonly PendingWrite[];
  /** How much the line is fought over: from a threshold on it is not cached. */
  readonly heat: number;
  readonly lastWriter?: string;
}

/** A line with what is kept beside it. */
export interface Entry {
  readonly line: Line;
  /** Highest token seen, by lock; in the order in which the locks were first seen. */
  readonly fences: readonly Fence[];
  readonly results: readonly StoredResult[];
}

export type OutcomeCode =
  'ok' | 'version_conflict' | 'stale_token' | 'not_found' | 'not_a_number' | 'too_many_fences' | 'changed';

/** How a write ended. Only `ok` changed anything. */
export interface Outcome {
  readonly code: OutcomeCode;
  /** `ok`: the version written; `version_conflict`: the version found (0: absent). */
  readonly version?: number;
  /** `ok` of an increment: the new value; `stale_token`: the highest token seen. */
  readonly number?: number;
}

/** An outcome kept for those whose answer was lost. */
export interface StoredResult {
  readonly id: string;
  readonly outcome: Outcome;
  /** True where a repetition of the id must be answered with it. */
  readonly replayed: boolean;
}

/** What a writer is told. */
export interface WriteResult {
  readonly id: string;
  readonly outcome: Outcome;
  /** Set where the write's node may keep the value it wrote: registered for this epoch under this grant. */
  readonly holder?: { readonly epoch: number; readonly grant: number };
  /** Remaining life of the value that was written, if it has an end. */
  readonly expiresInMs?: number;
}

/** What the directory tells a process through its channel. */
export type DirectoryMessage =
  | { kind: 'invalidate'; to: string; round: number; epoch: number }
  | { kind: 'shared'; to: string; version: number }
  | { kind: 'result'; to: string; result: WriteResult };

/** The answer to a FILL. */
export type FillAnswer =
  | { kind: 'absent' }
  /** Past its expiry, but others may still hold it: the read has to become a write `expire`. */
  | { kind: 'expired'; version: number }
  | {
      kind: 'value';
      json: string;
      version: number;
      expiresInMs?: number;
      /** The line's state before this read. */
      found: LineState;
      /** The state of the copy that was registered; undefined: none was, nothing may be kept. */
      granted?: LineState;
      /** A round is open: the value is the committed one, and somebody should see to the round. */
      roundOpen: boolean;
    };

/** The answer to one write of a BEGIN or to a POLL: its result, still pending, or not known here (any more). */
export type WriteAnswer = { kind: 'done'; result: WriteResult } | { kind: 'pending' } | { kind: 'unknown' };
