import { fileURLToPath } from 'node:url';
import { knownAvailabilityFaults } from './availability.known.js';
import { knownCacheFaults } from './cache/known.js';
import { runRound } from './campaign.js';
import { faults } from './faults.js';
import type { KnownFault } from './known.fault.js';
import { knownLockFaults } from './locks/known.js';
import { knownQueueFaults } from './queues/known.js';
import { Rig } from './rig.js';

export const knownFaults: readonly KnownFault[] = [
  ...knownLockFaults,
  ...knownQueueFaults,
  ...knownCacheFaults,
  ...knownAvailabilityFaults,
];

const ROUND_MS = 4000;
/** Some faults show only where a client dies while another waits; what the machine holds up is judged by no bound of time. */
const MOST_ROUNDS = 20;

/**
 * Runs a build with the known fault until the judge finds it.
 * @returns in which round it was caught; undefined where it was not
 */
export async function hunt(
  { files, service, rule, under, ms = ROUND_MS }: KnownFault,
  seed: number,
): Promise<number | undefined> {
  const preloads = files.map((file) => fileURLToPath(new URL(`known/${file}`, import.meta.url)));
  const rig = await Rig.start({ preloads });
  try {
    for (let round = 1; round <= MOST_ROUNDS; round += 1) {
      const plan = {
        seed: seed + round - 1,
        faults: faults.filter(({ name }) => name === under),
        services: [service],
        ms,
      };
      const { violations } = await runRound(rig, plan);
      if (violations.some((violation) => violation.rule === rule)) return round;
    }
    return undefined;
  } finally {
    await rig.stop();
  }
}
