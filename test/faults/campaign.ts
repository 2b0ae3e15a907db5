import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.js';
import { watchAvailability, type Availability } from './availability.js';
import { cache } from './cache/workload.js';
import { circumstancesOf } from './circumstances.js';
import type { Fault, Service } from './faults.js';
import { IncidentLog } from './incidents.js';
import { locks } from './locks/workload.js';
import { queues } from './queues/workload.js';
import type { Rig } from './rig.js';
import type { Outcome, Violation, Workload } from './round.js';
import { MACHINE } from './witness.js';

const workloads: Readonly<Record<Service, Workload>> = { locks, queues, cache };

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
  /** Whether all was well again in the end; else this rig is of no further use. */
  readonly healed: boolean;
  /** How often something was made to go wrong. */
  readonly injected: number;
  /** How long the machine itself kept everything waiting. */
  readonly stalledMs: number;
  readonly outcomes: Readonly<Partial<Record<Service, Outcome>>>;
  readonly availability: Availability;
  /** Of all judges. */
  readonly violations: readonly ViolationOf[];
  /** Of these violations: what else happened, a line each. */
  readonly circumstances: readonly string[];
}

/** Of the service, or of the whole where a fault was not got over. */
type ViolationOf = Violation & { readonly service: Service | 'all' };

/** Clients of the services work while the faults happen; afterwards everything is healed and judged. */
export async function runRound(rig: Rig, plan: Plan): Promise<RoundResult> {
  const start = performance.now();
  rig.incidents = new IncidentLog();
  const { nodes, incidents } = rig;
  const clients = new AbortController();
  const round = { seed: plan.seed, prefix: `r${plan.seed}`, nodes, signal: clients.signal, incidents };
  let trouble: unknown;
  const untroubled = (reason: unknown) => {
    trouble ??= reason;
  };
  await rig.serve().catch(untroubled);
  const services = trouble === undefined ? plan.services : [];
  const working = Promise.all(services.map(async (service) => [service, await workloads[service](round)] as const));
  const watching = watchAvailability(round, services);
  if (trouble === undefined) await disturb(rig, plan).catch(untroubled);
  clients.abort();
  await Promise.allSettled([working, watching]);
  // Only now, since judging keeps this process busy, and the links of the nodes go through it.
  const availability = (await watching)();
  const outcomes = (await working).map(([service, judge]) => [service, judge()] as const);
  const stalls = incidents.all.filter(({ fault }) => fault === MACHINE);
  const violations = [
    ...outcomes.flatMap(([service, outcome]) => outcome.violations.map((one) => ({ ...one, service }))),
    ...availability.violations,
    ...(trouble === undefined ? [] : [notGotOver(trouble)]),
  ];
  return {
    plan,
    healed: trouble === undefined,
    injected: incidents.all.length - stalls.length,
    stalledMs: stalls.reduce((sum, { from, healed }) => sum + healed - from, 0),
    outcomes: Object.fromEntries(outcomes),
    availability,
    violations,
    circumstances: violations.length === 0 ? [] : circumstancesOf(nodes, incidents, start),
  };
}

function notGotOver(reason: unknown): ViolationOf {
  const [what = '', ...history] = String(reason instanceof Error ? reason.message : reason).split('\n');
  return { service: 'all', rule: 'all is well again', what, history };
}

/** @throws Error where not all was well again after the last fault */
async function disturb(rig: Rig, plan: Plan): Promise<void> {
  await pause(CALM_MS);
  await injectAll(rig, plan);
  await rig.serve();
  await pause(CALM_MS);
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
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
}
