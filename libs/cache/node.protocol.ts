/**
 * A node's side of the protocol (docs/PROTOCOL.md), as functions from what the node holds of one line and an event to
 * what it holds afterwards. The model searches these very functions.
 */
import type { FillAnswer, LineState, WriteResult } from './line.types.js';

/** A node's own copy of a line. */
export interface Copy {
  readonly json: string;
  readonly version: number;
  readonly state: LineState;
  /** The grant under which the directory registered it; for an owner the one of its write. */
  readonly grant: number;
  readonly epoch: number;
  /** Past this moment of the monotonic clock, in milliseconds, the copy is a miss; never "not found". */
  readonly expiresAt?: number;
}

export interface Fill {
  readonly grant: number;
  readonly epoch: number;
  /** When it was sent: monotonic clock, milliseconds. */
  readonly sentAt: number;
  /** Whether the directory was asked to register the copy. */
  readonly cacheable: boolean;
  /** Whether its answer may still be kept, and shared with reads that come meanwhile. */
  readonly open: boolean;
}

/** One list of writes under way; there is at most one per line. */
export interface OpenWrite {
  /** The largest grant in use before this write: every copy under it is dropped. */
  readonly upto: number;
  /** Of its writes, in their order. */
  readonly grants: readonly number[];
  readonly epoch: number;
  readonly sentAt: number;
  /** Whether its value may still be kept. */
  readonly open: boolean;
}

/** What a node holds of one line. */
export interface NodeLine {
  readonly copy?: Copy;
  readonly fills: readonly Fill[];
  readonly write?: OpenWrite;
}

export const NOTHING: NodeLine = { fills: [] };

/** Whether the copy may answer a read in this very step. */
export function isHit(copy: Copy, leaseStands: boolean, monotonicMs: number): boolean {
  return leaseStands && (copy.expiresAt === undefined || monotonicMs < copy.expiresAt);
}

/** The fill whose answer a read that misses now may share; undefined where it must send its own. */
export function joinableFill(line: NodeLine, leaseStands: boolean): Fill | undefined {
  if (!leaseStands || line.write) return undefined;
  return line.fills.find((fill) => fill.open);
}

/** A read that misses sends FILL. While a write of this node is under way, nothing may be kept. */
export function startFill(
  line: NodeLine,
  grant: number,
  epoch: number,
  sentAt: number,
): { line: NodeLine; fill: Fill } {
  const cacheable = line.write === undefined;
  const fill = { grant, epoch, sentAt, cacheable, open: cacheable };
  return { line: { ...line, fills: [...line.fills, fill] }, fill };
}

/** Whether the value that a fill found may have ended by then: its answer may have been on its way for long. */
export function mayHaveEnded({ sentAt }: Fill, expiresInMs: number | undefined, monotonicMs: number): boolean {
  return expiresInMs !== undefined && monotonicMs >= sentAt + expiresInMs;
}

/** The answer of FILL: kept where the fill is still open, the copy was registered, and the epoch is the same. */
export function fillAnswered(line: NodeLine, grant: number, answer: FillAnswer, epoch: number | undefined): NodeLine {
  const fill = line.fills.find((one) => one.grant === grant);
  const rest = fillEnded(line, grant);
  if (!fill?.open || fill.epoch !== epoch || answer.kind !== 'value' || answer.granted === undefined) return rest;
  const { json, version, granted: state, expiresInMs } = answer;
  const expiresAt = expiresInMs === undefined ? undefined : fill.sentAt + expiresInMs;
  return { ...rest, copy: { json, version, state, grant, epoch, ...(expiresAt !== undefined && { expiresAt }) } };
}

/** FILL was answered, or will not be. */
export function fillEnded(line: NodeLine, grant: number): NodeLine {
  return { ...line, fills: line.fills.filter((fill) => fill.grant !== grant) };
}

/**
 * INVALIDATE: gives up the copy, and what is on its way to become one. Only afterwards the caller acknowledges.
 * @returns undefined for an epoch that this process never had: it must not speak for another
 */
export function invalidated(line: NodeLine, epoch: number, ownEpochs: ReadonlySet<number>): NodeLine | undefined {
  return ownEpochs.has(epoch) ? dropped(line) : undefined;
}

/** Drops the copy, and closes every fill and the write: epoch lost, or the line invalidated. */
export function dropped({ fills, write }: NodeLine): NodeLine {
  return {
    fills: fills.map((fill) => (fill.open ? { ...fill, open: false } : fill)),
    ...(write && { write: { ...write, open: false } }),
  };
}

/**
 * WRITE: drops the own copy and closes the fills, so that every grant up to `upto` is void; then BEGIN goes out.
 * @param upto the counter of grants at this moment
 * @param grants larger ones, one per write of the list
 */
export function startWrite(
  line: NodeLine,
  upto: number,
  grants: readonly number[],
  epoch: number,
  sentAt: number,
): NodeLine {
  return { ...dropped(line), write: { upto, grants, epoch, sentAt, open: true } };
}

/** The result of the list's write under `grant`: the value is kept where the directory registered this very write. */
export function writeAnswered(
  line: NodeLine,
  grant: number,
  result: WriteResult,
  json: string,
  epoch: number | undefined,
): NodeLine {
  const { write } = line;
  const { holder, outcome } = result;
  if (!write?.open || write.epoch !== epoch || holder?.epoch !== epoch || holder.grant !== grant) return line;
  if (!write.grants.includes(grant) || outcome.version === undefined) return line;
  const expiresAt = result.expiresInMs === undefined ? undefined : write.sentAt + result.expiresInMs;
  const copy = { json, version: outcome.version, state: 'M', grant, epoch } as const;
  return { ...line, copy: { ...copy, ...(expiresAt !== undefined && { expiresAt }) } };
}

/** All writes of the list are answered, or given up. */
export function writeEnded({ copy, fills }: NodeLine): NodeLine {
  return { fills, ...(copy && { copy }) };
}

/** Another node has read this version: its sole holder shares it now. Only the label changes. */
export function shared(line: NodeLine, version: number): NodeLine {
  const { copy } = line;
  return copy?.version === version ? { ...line, copy: { ...copy, state: 'S' } } : line;
}
