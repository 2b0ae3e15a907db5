import type { TestNode } from '../cluster/index.js';

/** A time in which something was wrong. All times of a round are this process's performance.now(). */
export interface Incident {
  /** The fault's name. */
  readonly fault: string;
  /** The ids of the nodes that it touched; every node's, where Redis was. */
  readonly nodes: readonly string[];
  /** Whether Redis itself was away, or hung. */
  readonly redis: boolean;
  /** Whether Redis came back without its data. */
  readonly loss: boolean;
  readonly from: number;
  /** When the cause was taken away: Redis ready, the process running, the link whole. Infinity until then. */
  readonly healed: number;
  /** When all was well again: the node was ready, the link whole. Infinity until then. */
  readonly to: number;
}

/** What has gone wrong so far. Complete when the round's signal is aborted. */
export interface Incidents {
  readonly all: readonly Incident[];
  /** Whether something was wrong with the node, or with Redis, at some time between the two. */
  touched(node: string, from: number, to: number): boolean;
}

/** What the clients of a service work with. */
export interface Round {
  readonly seed: number;
  /** Part of every name, owner, queue and key, so that rounds never meet. */
  readonly prefix: string;
  readonly nodes: readonly TestNode[];
  /** Aborted when the clients are to come to an end. By then every fault is healed and every node ready. */
  readonly signal: AbortSignal;
  readonly incidents: Incidents;
}

/** Something that a service promises and did not do. */
export interface Violation {
  /** Which promise, in a word or two, the same for every violation of it. */
  readonly rule: string;
  /** What happened, in a sentence with names and times. */
  readonly what: string;
  /** The shortest history that shows it, an event a line. */
  readonly history: readonly string[];
}

/** What the clients of a service saw in a round, and what its judge says of it. */
export interface Outcome {
  /** Calls made. */
  readonly operations: number;
  /** Calls without a clear answer: they may have happened or not. */
  readonly ambiguous: number;
  readonly violations: readonly Violation[];
  /** Further figures for the report, by what they are. Of `longest ..` the largest of all rounds is kept, others are added up. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A service under test: runs seeded clients until the round's signal and tidies up. @returns what judges what they saw */
export type Workload = (round: Round) => Promise<() => Outcome>;
