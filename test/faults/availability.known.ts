import { GO_ON, SERVES_AGAIN, SHARED_WRITES } from './availability.js';
import type { KnownFault } from './known.fault.js';

/** A fault for each bound: a judge that lets one through is none. */
export const knownAvailabilityFaults: readonly KnownFault[] = [
  {
    name: 'who gives up on a silent node refuses calls itself',
    files: ['locks-refuse-with-others.mjs'],
    service: 'locks',
    rule: GO_ON,
    under: 'pause-node',
  },
  {
    name: 'a connection to Redis that is made again late',
    files: ['redis-late-reconnect.mjs'],
    service: 'cache',
    rule: SERVES_AGAIN,
    under: 'kill-redis',
  },
  {
    name: 'a silent node is given up on late',
    files: ['cache-late-fence.mjs'],
    service: 'cache',
    rule: SHARED_WRITES,
    under: 'pause-node',
  },
];
