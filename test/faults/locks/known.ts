import type { KnownFault } from '../known.fault.js';
import { IN_TIME } from './rules/answers.js';
import { CYCLE } from './rules/deadlocks.js';
import { EXCLUSION } from './rules/exclusion.js';
import { IDLE } from './rules/idle.js';
import { LEFT_BEHIND } from './rules/left.behind.js';
import { LOST } from './rules/lost.holds.js';
import { ORDER } from './rules/order.js';
import { TOKENS } from './rules/tokens.js';

/** A fault for each promise: a judge that lets one through is none. */
export const knownLockFaults: readonly KnownFault[] = [
  { name: 'a shared hold beside an exclusive one', files: ['lock-shared-beside-exclusive.mjs'], rule: EXCLUSION },
  { name: 'the same token twice', files: ['lock-same-token.mjs'], rule: TOKENS },
  { name: 'leases that are cut short', files: ['lock-short-lease.mjs'], rule: LOST },
  { name: 'answers after their time', files: ['lock-late-answer.mjs'], rule: IN_TIME },
  { name: 'a place that outlives its timeout', files: ['lock-kept-place.mjs'], rule: LEFT_BEHIND },
  { name: 'the last comes first', files: ['lock-last-first.mjs'], rule: ORDER },
  // The judge allows for a lease of up to three seconds and as much again.
  { name: 'holders that never expire', files: ['lock-undead-holder.mjs'], rule: IDLE, ms: 9000 },
  { name: 'a cycle told backwards', files: ['lock-backward-cycle.mjs'], rule: CYCLE },
].map((fault) => ({ ...fault, service: 'locks' }));
