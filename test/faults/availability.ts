import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, TestNode } from '../cluster/index.js';
import type { Service } from './faults.js';
import { LONGEST_LEASE_MS } from './rig.js';
import type { Incident, Incidents, Round, Violation } from './round.js';
import { MACHINE } from './witness.js';

type ViolationOfService = Violation & { readonly service: Service };

export const GO_ON = 'others go on';
export const SERVES_AGAIN = 'serves again in time';
export const SHARED_WRITES = 'shared writes go on';
const UNEXPECTED = 'unexpected answer';

const EVERY_MS = 150;
const PATIENCE_MS = 3000;
/** After the cause is gone, every node serves again within this time. */
const RECOVERED_MS = 2000;
/** What a service may hold back beyond that where Redis may have lost something (cache.md, locks.md "Data loss"). */
const HELD_MS = { locks: LONGEST_LEASE_MS + 500, queues: 0, cache: 2000 } as const;
/** A write to a line that a lost node shared waits so long, once. */
const SHARED_WRITE_MS = 3000;
/** A write that took longer has waited for a node to be given up on. */
const NOTICED_MS = 1200;

/** A call that needs nothing of any other node. */
export interface Probe {
  readonly service: Service;
  readonly node: string;
  readonly invoked: number;
  readonly completed: number;
  readonly failure: string | undefined;
  /** Of the answer that was no success; undefined where there was none. */
  readonly status?: number;
}

export interface Availability {
  /** By service: the longest time from the end of a cause until a node that it touched served again. */
  readonly recoveryMs: Readonly<Record<Service, number>>;
  /** By service: the longest time for which some node, asked again and again, gave no good answer. */
  readonly outageMs: Readonly<Record<Service, number>>;
  /** The longest write to a line that every node had a copy of, at a node that nothing was wrong with. */
  readonly sharedWriteMs: number;
  readonly violations: readonly ViolationOfService[];
}

/**
 * Asks every node for every service all the time, each for things of its own.
 * @returns what judges how long it did not serve
 */
export async function watchAvailability(round: Round, services: readonly Service[]): Promise<() => Availability> {
  const probes: Probe[] = [];
  const writes: Probe[] = [];
  const loops = round.nodes.flatMap((node) => services.map((service) => probe(round, node, service, probes)));
  if (services.includes('cache')) loops.push(writeShared(round, writes));
  await Promise.all(loops);
  return () => judgeAvailability(round.incidents, services, probes, writes);
}

/**
 * @param probes calls that need nothing of any other node, in the order of their beginning
 * @param writes to the line that every node has a copy of
 */
export function judgeAvailability(
  incidents: Incidents,
  services: readonly Service[],
  probes: readonly Probe[],
  writes: readonly Probe[],
): Availability {
  const recoveryMs = { locks: 0, queues: 0, cache: 0 };
  const outageMs = { locks: 0, queues: 0, cache: 0 };
  const start = Math.min(...[...probes, ...writes].map(({ invoked }) => invoked));
  const violations = [
    ...unexpected(probes),
    ...unexpected(writes),
    ...bystanders(incidents, probes, start),
    ...bystanders(incidents, writes, start),
    ...slowWrites(incidents, writes, start),
  ];
  for (const service of services) {
    for (const [node, own] of byNode(probes.filter((one) => one.service === service))) {
      outageMs[service] = Math.max(outageMs[service], longestOutage(own));
      for (const incident of incidents.all.filter(({ nodes }) => nodes.includes(node))) {
        const ms = recovery(incidents, incident, own);
        if (ms === undefined) continue;
        recoveryMs[service] = Math.max(recoveryMs[service], ms);
        const bound = boundOf(incident, service);
        if (ms <= bound) continue;
        const what = `${node} served ${service} again ${ms.toFixed(0)} ms after ${incident.fault} was over; ${bound} are allowed`;
        const shown = own.filter(({ invoked }) => invoked >= incident.healed && invoked <= incident.healed + ms);
        violations.push({ service, rule: SERVES_AGAIN, what, history: shown.map((one) => lineOf(one, start)) });
      }
    }
  }
  const sharedWriteMs = Math.max(0, ...undisturbed(incidents, writes).map((one) => one.completed - one.invoked));
  return { recoveryMs, outageMs, sharedWriteMs, violations };
}

async function probe({ signal, prefix }: Round, node: TestNode, service: Service, probes: Probe[]): Promise<void> {
  const name = `${prefix}-probe-${node.id}`;
  const calls: Record<Service, () => Promise<Answer[]>> = {
    locks: () =>
      inTurn(
        () => post(node, '/lock/acquire', { name, owner: name, mode: 'exclusive', leaseMs: 1000 }),
        () => post(node, '/lock/release', { name, owner: name }),
      ),
    queues: () =>
      inTurn(
        () => post(node, '/queue/push', { queue: name, payload: 1 }),
        () => post(node, '/queue/pop', { queue: name }),
      ),
    cache: () =>
      inTurn(
        () => post(node, '/cache/write', { key: name, value: 1 }),
        () => node.get(`/cache/read?key=${name}`, { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ),
  };
  while (!signal.aborted) {
    probes.push(await measure(node, service, calls[service]));
    await pause(EVERY_MS);
  }
}

/** Every node takes a copy of a line; one of them writes it. A node that is gone holds that up until it is fenced. */
async function writeShared({ signal, prefix, nodes }: Round, writes: Probe[]): Promise<void> {
  const key = `${prefix}-shared`;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const readers = nodes.map((node) =>
      node.get(`/cache/read?key=${key}`, { signal: AbortSignal.timeout(500) }).catch(() => undefined),
    );
    await Promise.all(readers);
    await Promise.all(
      nodes.map(async (node) => {
        const write = () =>
          node.post('/cache/write', { key, value: turn }, { signal: AbortSignal.timeout(3 * PATIENCE_MS) });
        writes.push(await measure(node, 'cache', async () => [await write()]));
      }),
    );
    await pause(EVERY_MS);
  }
}

async function measure(node: TestNode, service: Service, calls: () => Promise<Answer[]>): Promise<Probe> {
  const invoked = performance.now();
  let became: Pick<Probe, 'failure' | 'status'>;
  try {
    const failed = (await calls()).find(({ status }) => status !== 200);
    became = { failure: failed?.text, ...(failed && { status: failed.status }) };
  } catch (error) {
    became = { failure: String(error instanceof Error ? (error.cause ?? error) : error) };
  }
  return { service, node: node.id, invoked, completed: performance.now(), ...became };
}

function post(node: TestNode, path: string, body: Readonly<Record<string, string | number>>): Promise<Answer> {
  return node.post(path, body, { signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function inTurn(...calls: (() => Promise<Answer>)[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const call of calls) answers.push(await call());
  return answers;
}

function byNode(probes: readonly Probe[]): Map<string, Probe[]> {
  const groups = new Map<string, Probe[]>();
  for (const one of probes) groups.set(one.node, [...(groups.get(one.node) ?? []), one]);
  return groups;
}

/** @param probes of one node, one after the other */
function longestOutage(probes: readonly Probe[]): number {
  let longest = 0;
  let since: number | undefined;
  for (const { invoked, completed, failure } of probes) {
    since ??= invoked;
    if (failure !== undefined) continue;
    longest = Math.max(longest, completed - since);
    since = undefined;
  }
  return longest;
}

/** So long after the cause is gone a node may take until it serves for good. */
function boundOf({ loss }: Incident, service: Service): number {
  return RECOVERED_MS + (loss ? HELD_MS[service] : 0);
}

/**
 * Calls during which nothing was wrong with their node. While it recovers it may serve and fail once more: its lease may
 * run out before it is renewed on the new connection. How long that lasts is what {@link recovery} measures.
 */
function undisturbed(incidents: Incidents, probes: readonly Probe[]): readonly Probe[] {
  const recovers =
    ({ node, service, invoked, completed }: Probe) =>
    (incident: Incident) =>
      // For how long the machine held everything up, its witness says itself.
      incident.fault !== MACHINE &&
      (incident.redis || incident.nodes.includes(node)) &&
      incident.from <= completed &&
      incident.healed + boundOf(incident, service) >= invoked;
  return probes.filter((one) => {
    const { node, invoked, completed } = one;
    return !incidents.touched(node, invoked, completed) && !incidents.all.some(recovers(one));
  });
}

/** Whatever is wrong with a node, it answers 503 or not at all. */
function unexpected(probes: readonly Probe[]): ViolationOfService[] {
  return probes.flatMap(({ node, service, failure, status }) => {
    if (status === undefined || status === 503) return [];
    return [{ service, rule: UNEXPECTED, what: `${node} answered ${status}: ${failure}`, history: [] }];
  });
}

/** A node that nothing was wrong with never fails a call that needs nothing of another. */
function bystanders(incidents: Incidents, probes: readonly Probe[], start: number): ViolationOfService[] {
  return undisturbed(incidents, probes).flatMap((one) => {
    if (one.failure === undefined) return [];
    const what = `${one.node} failed a call of the ${one.service} while nothing was wrong with it: ${one.failure}`;
    return [{ service: one.service, rule: GO_ON, what, history: [lineOf(one, start)] }];
  });
}

/** @param start of the round */
function lineOf({ node, service, invoked, completed, failure }: Probe, start: number): string {
  const [from, to] = [invoked, completed].map((time) => ((time - start) / 1000).toFixed(3));
  return `${from}..${to} ${node} ${service} -> ${failure ?? 'ok'}`;
}

function slowWrites(incidents: Incidents, writes: readonly Probe[], start: number): ViolationOfService[] {
  const [service, rule] = ['cache', SHARED_WRITES] as const;
  const slow = undisturbed(incidents, writes).filter(({ invoked, completed }) => completed - invoked > NOTICED_MS);
  const tooSlow = slow.filter(({ invoked, completed }) => completed - invoked > SHARED_WRITE_MS);
  const again = incidents.all.flatMap(({ fault, nodes, from, to }) => {
    const during = slow.filter((write) => write.invoked <= to && write.completed >= from);
    const first = during[0];
    const second = first && during.find((write) => write.invoked > first.completed);
    const alone = incidents.all.filter((other) => other.from <= to && other.to >= from).length === 1;
    if (!second || !alone) return [];
    const what = `a second write at ${second.node} waited for ${nodes.join()} (${fault}), which was given up on before`;
    return [{ service, rule, what, history: during.map((one) => lineOf(one, start)) }];
  });
  return [
    ...tooSlow.map((one) => {
      const { node, invoked, completed } = one;
      const what = `a write at ${node} to a line that all had a copy of took ${(completed - invoked).toFixed(0)} ms`;
      return { service, rule, what, history: [lineOf(one, start)] };
    }),
    ...again,
  ];
}

/**
 * How long after the cause was gone the node served for good.
 * @param probes of one node and service, one after the other
 * @returns undefined where something else went wrong with the node meanwhile, or the round ended
 */
function recovery(incidents: Incidents, incident: Incident, probes: readonly Probe[]): number | undefined {
  const { healed } = incident;
  const after = probes.filter(({ invoked }) => invoked >= healed);
  const last = after.findLastIndex(
    ({ invoked, service, failure }) => failure !== undefined && invoked <= healed + boundOf(incident, service),
  );
  const first = after.slice(last + 1).find(({ failure }) => failure === undefined);
  if (!first) return undefined;
  const others = incidents.all.filter(
    (other) =>
      other !== incident &&
      other.from <= first.completed &&
      other.to >= incident.from &&
      (other.redis || other.nodes.includes(first.node)),
  );
  return others.length > 0 ? undefined : first.completed - healed;
}
