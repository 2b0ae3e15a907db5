import type { Model, Operation } from './checker.js';

/** A call on one cache line. */
export type LineInput =
  | { kind: 'read' }
  | { kind: 'write'; json: string; ifVersion?: number; ttlMs?: number }
  | { kind: 'increment'; by: number }
  | { kind: 'delete' }
  /** The store lost everything: no call, but like one that nobody asked for. */
  | { kind: 'lost' };

/** What it answered. */
export type LineOutput =
  | { kind: 'found'; json: string; version: number }
  | { kind: 'not_found' }
  | { kind: 'written'; version: number; json?: string }
  | { kind: 'deleted' }
  | { kind: 'lost' }
  | { kind: 'version_conflict'; version: number }
  | { kind: 'not_a_number' };

export type LineOperation = Operation<LineInput, LineOutput>;

interface Value {
  readonly json: string;
  /** Undefined where nobody was told: the first who sees it says which it is. */
  readonly version: number | undefined;
  /** When it may be gone at the earliest, and must be at the latest. */
  readonly endsFrom: number;
  readonly endsBy: number;
}

export interface LineState {
  readonly value: Value | undefined;
  /** No version at or below this one may be given to a value again. */
  readonly lastVersion: number;
}

/** Clocks of the processes on one machine, and what a clock's granularity costs. */
const SLACK_MS = 20;

/** Further than this nobody counts up from a value that was written. */
const MOST_COUNTED = 1000;

/** A line as one process would keep it. Versions only grow, and a value ends after its time, not before. */
export const lineModel: Model<LineState, LineInput, LineOutput> = {
  initial: { value: undefined, lastVersion: 0 },
  step: (state, operation) => possible(state, operation).flatMap((before) => apply(before, operation)),
  key: ({ value, lastVersion }) =>
    `${lastVersion} ${value ? `${value.version ?? '?'} ${value.endsBy} ${value.json}` : ''}`,
  mayExplain: ({ input }, { output }) => {
    if (input.kind !== 'write') return true;
    if (output?.kind !== 'found' && output?.kind !== 'written') return false;
    if (output.json === undefined) return false;
    // As it was written, or counted up from there.
    const more = Number(output.json) - Number(input.json);
    return output.json === input.json || (more > 0 && more <= MOST_COUNTED);
  },
};

/** Whether the one operation wrote what the other saw. */
export function wroteWhatItSaw(one: LineOperation, wrong: LineOperation): boolean {
  if (one.output?.kind !== 'written' || wrong.output === undefined) return false;
  return 'version' in wrong.output && one.output.version === wrong.output.version;
}

/** The states in which the operation may have met the line: its value may have ended meanwhile. */
function possible(state: LineState, { invoked, completed }: LineOperation): LineState[] {
  const { value } = state;
  if (!value) return [state];
  const gone = { ...state, value: undefined };
  const states: LineState[] = [];
  if (invoked <= value.endsBy) states.push(state);
  if (completed >= value.endsFrom) states.push(gone);
  return states;
}

function apply(state: LineState, operation: LineOperation): LineState[] {
  const { input, output } = operation;
  const { value } = state;
  if (input.kind === 'read') {
    if (!output) return [state];
    if (output.kind === 'not_found') return value ? [] : [state];
    if (output.kind !== 'found' || value?.json !== output.json) return [];
    return withVersion(state, output.version);
  }
  if (input.kind === 'lost') return [{ ...state, value: undefined }];
  if (input.kind === 'delete') {
    if (!output) return value ? [state, { ...state, value: undefined }] : [state];
    if (output.kind === 'deleted') return value ? [{ ...state, value: undefined }] : [];
    return output.kind === 'not_found' && !value ? [state] : [];
  }
  if (input.kind === 'increment') {
    const before = value ? wholeNumber(value.json) : 0;
    if (before === undefined) return !output || output.kind === 'not_a_number' ? [state] : [];
    const json = String(before + input.by);
    const next = { json, endsFrom: value?.endsFrom ?? Infinity, endsBy: value?.endsBy ?? Infinity };
    if (!output) return [state, { ...state, value: { ...next, version: undefined } }];
    if (output.kind !== 'written' || output.json !== json) return [];
    return written(state, next, output.version);
  }
  const { json, ifVersion, ttlMs = Infinity } = input;
  const next = { json, endsFrom: operation.invoked + ttlMs - SLACK_MS, endsBy: operation.completed + ttlMs + SLACK_MS };
  if (!output) {
    const met = ifVersion === undefined ? [state] : withFound(state, ifVersion);
    return [state, ...met.map((before) => ({ ...before, value: { ...next, version: undefined } }))];
  }
  if (output.kind === 'version_conflict') return output.version === ifVersion ? [] : withFound(state, output.version);
  if (output.kind !== 'written') return [];
  const met = ifVersion === undefined ? [state] : withFound(state, ifVersion);
  return met.flatMap((before) => written(before, next, output.version));
}

/** The state if its version is this one; 0: if it is absent. */
function withFound(state: LineState, version: number): LineState[] {
  if (version === 0) return state.value ? [] : [state];
  return withVersion(state, version);
}

function withVersion(state: LineState, version: number): LineState[] {
  const { value, lastVersion } = state;
  if (!value) return [];
  if (value.version !== undefined) return value.version === version ? [state] : [];
  return version > lastVersion ? [{ value: { ...value, version }, lastVersion: version }] : [];
}

function written(state: LineState, value: Omit<Value, 'version'>, version: number): LineState[] {
  return version > state.lastVersion ? [{ value: { ...value, version }, lastVersion: version }] : [];
}

function wholeNumber(json: string): number | undefined {
  return /^-?\d+$/.test(json) ? Number(json) : undefined;
}
