import type { Entry, Fence, Line, Outcome, PendingWrite, Write } from './line.types.js';

/** Locks whose tokens one line remembers. */
export const MAX_FENCES = 16;
const LARGEST = Number.MAX_SAFE_INTEGER;

/** @param nowMicros Redis's TIME in microseconds */
export function isExpired(line: Line, nowMicros: number): boolean {
  return line.json !== undefined && line.expiresAt !== undefined && line.expiresAt <= toMs(nowMicros);
}

/** Remaining life of the line's value, undefined where it has no end. */
export function remainingMs(line: Line, nowMicros: number): number | undefined {
  return line.expiresAt === undefined ? undefined : line.expiresAt - toMs(nowMicros);
}

/** A number above `last` that no loss of Redis's data can make come twice: versions and rounds. */
export function nextNumber(last: number, nowMicros: number): number {
  return Math.max(last + 1, nowMicros);
}

/** The line without its value, and nothing else changed; only a commit may do this. */
function withoutValue(line: Line, nowMicros: number): Line {
  const { json: _json, expiresAt: _expiresAt, ...rest } = line;
  return { ...rest, version: nextNumber(line.version, nowMicros) };
}

export interface Applied {
  readonly entry: Entry;
  /** One per write, in their order. */
  readonly outcomes: readonly Outcome[];
  /** The last write that changed the line. */
  readonly last?: PendingWrite;
  /** Whether the line is another than before, be it by its expiry alone. */
  readonly changed: boolean;
}

/**
 * Makes the writes take effect one after the other. A value past its expiry is gone before the first of them: whoever
 * commits knows that no copy of it is left.
 * @param nowMicros Redis's TIME in microseconds
 */
export function applyWrites(entry: Entry, writes: readonly PendingWrite[], nowMicros: number): Applied {
  const expired = isExpired(entry.line, nowMicros);
  let current = expired ? { ...entry, line: withoutValue(entry.line, nowMicros) } : entry;
  let last: PendingWrite | undefined;
  const outcomes = writes.map((write) => {
    const { outcome, entry: next } = applyWrite(current, write, nowMicros);
    if (outcome.code === 'ok' && write.change.kind !== 'expire') last = write;
    current = next;
    return outcome;
  });
  return { entry: current, outcomes, changed: expired || last !== undefined, ...(last && { last }) };
}

/**
 * Makes one write take effect, or says why it does not. Checks come in the order fence, version, presence.
 * @returns the entry itself where nothing was changed
 */
export function applyWrite(entry: Entry, write: Write, nowMicros: number): { entry: Entry; outcome: Outcome } {
  const { line } = entry;
  const { change } = write;
  const refuse = (outcome: Outcome) => ({ entry, outcome });
  const present = line.json !== undefined;
  if (change.kind === 'expire') return refuse({ code: present ? 'changed' : 'ok' });

  if (change.kind !== 'increment') {
    const { fence, ifVersion } = change;
    const known = fence && entry.fences.find((other) => other.lock === fence.lock);
    if (fence && known && fence.token < known.token) return refuse({ code: 'stale_token', number: known.token });
    if (fence && !known && entry.fences.length >= MAX_FENCES) return refuse({ code: 'too_many_fences' });
    const found = present ? line.version : 0;
    if (ifVersion !== undefined && ifVersion !== found) return refuse({ code: 'version_conflict', version: found });
  }
  const version = nextNumber(line.version, nowMicros);
  if (change.kind === 'delete') {
    if (!present) return refuse({ code: 'not_found' });
    const fences = withFence(entry.fences, change.fence);
    return { entry: { ...entry, line: withoutValue(line, nowMicros), fences }, outcome: { code: 'ok', version } };
  }
  if (change.kind === 'write') {
    const next = withValue(line, change.json, version, expiryAfter(change.ttlMs, nowMicros));
    return {
      entry: { ...entry, line: next, fences: withFence(entry.fences, change.fence) },
      outcome: { code: 'ok', version },
    };
  }
  const before = present ? wholeNumber(line.json) : 0;
  const sum = before === undefined ? undefined : before + change.by;
  if (sum === undefined || Math.abs(sum) > LARGEST) return refuse({ code: 'not_a_number' });
  const expiresAt = expiryAfter(change.ttlMs, nowMicros) ?? line.expiresAt;
  // `+ 0` makes -0 the 0 that JSON has.
  const next = withValue(line, String(sum + 0), version, expiresAt);
  return { entry: { ...entry, line: next }, outcome: { code: 'ok', version, number: sum + 0 } };
}

function withValue(line: Line, json: string, version: number, expiresAt: number | undefined): Line {
  const { expiresAt: _before, ...rest } = line;
  return { ...rest, json, version, ...(expiresAt !== undefined && { expiresAt }) };
}

function withFence(fences: readonly Fence[], fence: Fence | undefined): readonly Fence[] {
  if (!fence) return fences;
  return [...fences.filter((other) => other.lock !== fence.lock), fence];
}

/** JSON text of an integer within the doubles that count every one; anything else is no number to increment. */
function wholeNumber(json: string): number | undefined {
  if (!/^-?\d+$/.test(json)) return undefined;
  const value = Number(json);
  return Number.isSafeInteger(value) ? value : undefined;
}

function expiryAfter(ttlMs: number | undefined, nowMicros: number): number | undefined {
  return ttlMs === undefined ? undefined : toMs(nowMicros) + ttlMs;
}

function toMs(micros: number): number {
  return Math.floor(micros / 1000);
}
