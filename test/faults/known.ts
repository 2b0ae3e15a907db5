import { fileURLToPath } from 'node:url';
import { runRound } from './campaign.js';
import { faults, type Service } from './faults.js';
import { Rig } from './rig.js';

/** A build with a fault in it, which a judge must find. */
export interface KnownFault {
  readonly name: string;
  /** In known/, loaded in every node before anything of its own. */
  readonly files: readonly string[];
  readonly service: Service;
  /** The rule that it breaks, as the judge names it. */
  readonly rule: string;
  /** What has to go wrong as well for it to show. */
  readonly under?: string;
}

export const knownFaults: readonly KnownFault[] = [
  {
    name: 'a copy is given up after the acknowledgement',
    files: ['cache-early-acknowledgement.mjs'],
    service: 'cache',
    rule: 'linearizable',
  },
  {
    name: 'a hit past the deadline',
    files: ['cache-endless-lease.mjs'],
    service: 'cache',
    rule: 'linearizable',
    under: 'pause-node',
  },
  {
    name: 'a connection to Redis that is made again late',
    files: ['redis-late-reconnect.mjs'],
    service: 'cache',
    rule: 'serves again in time',
    under: 'kill-redis',
  },
];

const ROUND_MS = 4000;
const MOST_ROUNDS = 6;

/**
 * Runs a build with the known fault until the judge finds it.
 * @returns in which round it was caught; undefined where it was not
 */
export async function hunt({ files, service, rule, under }: KnownFault, seed: number): Promise<number | undefined> {
  const preloads = files.map((file) => fileURLToPath(new URL(`known/${file}`, import.meta.url)));
  const rig = await Rig.start({ preloads });
  try {
    for (let round = 1; round <= MOST_ROUNDS; round += 1) {
      const plan = {
        seed: seed + round - 1,
        faults: faults.filter(({ name }) => name === under),
        services: [service],
        ms: ROUND_MS,
      };
      const { violations } = await runRound(rig, plan);
      if (violations.some((violation) => violation.rule === rule)) return round;
    }
    return undefined;
  } finally {
    await rig.stop();
  }
}
