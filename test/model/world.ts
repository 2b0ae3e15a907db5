import * as directory from '../../libs/cache/directory.protocol.js';
import * as node from '../../libs/cache/node.protocol.js';
import type { Change, Entry, FillAnswer, Snapshot, WriteResult } from '../../libs/cache/line.types.js';

/** The functions that the nodes run and that the Lua scripts are held to. A test takes one rule out by replacing one. */
export const asBuilt = { ...directory, ...node };
export type Protocol = typeof asBuilt;

/** What Redis holds: one line, and the registry of epochs. */
export interface Redis {
  readonly entry: Entry;
  readonly counter: number;
  readonly living: readonly number[];
}

/** A read that waits for a fill: the version that was committed when it began, and when somebody joined it. */
interface Reader {
  readonly grant: number;
  readonly committed: number;
  readonly joined: number;
}

export interface Process {
  readonly up: boolean;
  /** The run of Redis that it knows of. */
  readonly run: number;
  /** Holds its requests back, since Redis may have lost something. */
  readonly gated: boolean;
  readonly epoch: number;
  readonly epochs: number;
  readonly leaseStands: boolean;
  /** Others have seen it silent for long enough. */
  readonly silent: boolean;
  readonly grants: number;
  readonly line: node.NodeLine;
  /** The run under which the copy was registered. */
  readonly copiedIn: number;
  readonly readers: readonly Reader[];
}

export type Message =
  | { to: 'redis'; from: number; kind: 'fill'; grant: number; epoch: number; cacheable: boolean }
  | {
      to: 'redis';
      from: number;
      kind: 'begin';
      id: string;
      json: string;
      change: Change;
      grant: number;
      epoch: number;
      upto: number;
    }
  | { to: 'redis'; from: number; kind: 'ack'; round: number; epoch: number }
  | { to: number; kind: 'filled'; grant: number; run: number; answer: FillAnswer }
  | { to: number; kind: 'result'; run: number; result: WriteResult }
  | { to: number; kind: 'invalidate'; round: number; epoch: number };

export interface World {
  readonly redis: Redis;
  /** What Redis would come back with if it lost the last writes. */
  readonly saved?: Redis;
  readonly run: number;
  readonly processes: readonly Process[];
  readonly net: readonly Message[];
  /** Numbers handed out ever, which Redis's clock keeps from coming twice. */
  readonly clock: number;
  readonly epochs: number;
  readonly writes: number;
  /** Whether something was committed, or read, since the restart. */
  readonly committedSince: boolean;
  readonly readSince: boolean;
}

export const instanceOf = (process: number) => `p${process}`;
export const processOf = (instance: string) => Number(instance.slice(1));
/** What a process knows that has not heard of any death: as old as a snapshot can be. */
export const OLD_SNAPSHOT: Snapshot = { counter: 0, living: [] };

export function initialWorld(processes: number): World {
  const numbers = Array.from({ length: processes }, (_, index) => index + 1);
  return {
    redis: {
      entry: { ...directory.ABSENT, line: { ...directory.ABSENT.line, json: '0', version: 1 } },
      counter: processes,
      living: numbers,
    },
    run: 0,
    processes: numbers.map((epoch) => ({
      up: true,
      run: 0,
      gated: false,
      epoch,
      epochs: 1,
      leaseStands: true,
      silent: false,
      grants: 0,
      line: node.NOTHING,
      copiedIn: 0,
      readers: [],
    })),
    net: [],
    clock: 1,
    epochs: processes,
    writes: 0,
    committedSince: false,
    readSince: false,
  };
}

export function withProcess(world: World, n: number, change: Partial<Process>): World {
  return { ...world, processes: world.processes.map((one, index) => (index === n ? { ...one, ...change } : one)) };
}

export function snapshotOf({ counter, living }: Redis): Snapshot {
  return { counter, living };
}

/** All that was lost with it: a Redis that comes back empty. */
export const EMPTY_REDIS: Redis = { entry: directory.ABSENT, counter: 0, living: [] };
