import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.js';
import { watchAvailability, type Availability } from './availability.js';
import { cache } from './cache/workload.js';
import type { Fault, Service } from './faults.js';
import { IncidentLog } from './incidents.js';
import { locks } from './locks/workload.js';
import { queues } from './queues/workload.js';
import type { Rig } from './rig.js';
import type { Outcome, Violation, Workload } from './round.js';

const workloads: Readonly<Partial<Record<Service, Workload>>> = { locks, queues, cache };

/** Clients work so long before the first fault, and after the last. */
const CALM_MS = 1000;
/** Two faults at once are what most trouble is made of. */
const AT_ONCE = 2;

export interface Plan {
  readonly seed: number;
  /** One alone; several mixed; none at all. */
  readonly faults: readonly Fault[];
  readonly services: readonly Service[];
  /** How long faults are injected. */
  readonly ms: number;
}

export interface RoundResult {
  readonly plan: Plan;
  /** How often something went wrong. */
  readonly injected: number;
  readonly outcomes: Readonly<Partial<Record<Service, Outcome>>>;
  readonly availability: Availability;
  /** Of all judges. */
  readonly violations: readonly (Violation & { readonly service: Service | 'availability' })[];
}

/** Clients of the services work while the faults happen; afterwards everything is healed and judged. */
export async function runRound(rig: Rig, plan: Plan): Promise<RoundResult> {
  const { seed, services } = plan;
  await rig.serve();
  rig.incidents = new IncidentLog();
  const clients = new AbortController();
  const { nodes, incidents } = rig;
  const round = { seed, prefix: `r${seed}`, nodes, signal: clients.signal, incidents };
  const judged = Promise.all(services.map(async (service) => [service, await workloads[service]?.(round)] as const));
  const watched = watchAvailability(round, services);
  try {
    await pause(CALM_MS);
    await injectAll(rig, plan);
    await rig.serve();
    await pause(CALM_MS);
  } finally {
    clients.abort();
    await Promise.allSettled([judged, watched]);
  }
  const outcomes = Object.fromEntries(await judged) as RoundResult['outcomes'];
  const availability = await watched;
  return {
    plan,
    injected: incidents.all.length,
    outcomes,
    availability,
    violations: [
      ...services.flatMap((service) => (outcomes[service]?.violations ?? []).map((one) => ({ ...one, service }))),
      ...availability.violations.map((one) => ({ ...one, service: 'availability' as const })),
    ],
  };
}

async function injectAll(rig: Rig, { seed, faults, ms }: Plan): Promise<void> {
  const until = performance.now() + ms;
  const lanes = Array.from({ length: Math.max(1, Math.min(AT_ONCE, faults.length)) }, async (_, lane) => {
    const chance = new Chance(seed * 100 + lane);
    while (performance.now() < until) {
      if (faults.length > 0) await chance.of(faults).inject(rig, chance);
      await pause(200 + chance.below(1000));
    }
  });
  await Promise.all(lanes);
}
