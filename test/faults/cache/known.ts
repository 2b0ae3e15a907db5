import type { KnownFault } from '../known.fault.js';
import { LINEARIZABLE } from './judge.js';

/** A fault for each promise: a judge that lets one through is none. */
export const knownCacheFaults: readonly KnownFault[] = [
  {
    name: 'a copy is given up after the acknowledgement',
    files: ['cache-early-acknowledgement.mjs'],
    service: 'cache',
    rule: LINEARIZABLE,
  },
  {
    name: 'a hit past the deadline',
    files: ['cache-endless-lease.mjs'],
    service: 'cache',
    rule: LINEARIZABLE,
    under: 'pause-node',
  },
];
