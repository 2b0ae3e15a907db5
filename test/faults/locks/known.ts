import { fileURLToPath } from 'node:url';
import { IN_TIME } from './rules/answers.js';
import { CYCLE } from './rules/deadlocks.js';
import { EXCLUSION } from './rules/exclusion.js';
import { IDLE } from './rules/idle.js';
import { LEFT_BEHIND } from './rules/left.behind.js';
import { LOST } from './rules/lost.holds.js';
import { ORDER } from './rules/order.js';
import { TOKENS } from './rules/tokens.js';

/** A fault that nodes can be started with (`NODE_OPTIONS=--import=<file>`), and the rule by which the judge finds it. */
export interface KnownFault {
  readonly name: string;
  readonly file: string;
  readonly rule: string;
}

export const knownLockFaults: readonly KnownFault[] = [
  fault('lock-shared-beside-exclusive', EXCLUSION),
  fault('lock-same-token', TOKENS),
  fault('lock-short-lease', LOST),
  fault('lock-late-answer', IN_TIME),
  fault('lock-kept-place', LEFT_BEHIND),
  fault('lock-last-first', ORDER),
  fault('lock-undead-holder', IDLE),
  fault('lock-backward-cycle', CYCLE),
];

function fault(name: string, rule: string): KnownFault {
  return { name, file: fileURLToPath(new URL(`../known/${name}.mjs`, import.meta.url)), rule };
}
