import { describe, expect, it } from 'vitest';
import { judgeAvailability, type Probe } from './availability.js';
import type { Incident, Incidents } from './round.js';
import { MACHINE } from './witness.js';

function incidents(...all: Incident[]): Incidents {
  return {
    all,
    touched: (node, from, to) =>
      all.some((one) => one.from <= to && one.to >= from && (one.redis || one.nodes.includes(node))),
  };
}

const killed: Incident = {
  fault: 'kill-node',
  nodes: ['node1'],
  redis: false,
  loss: false,
  from: 1000,
  healed: 2000,
  to: 2100,
};
const restarted: Incident = { ...killed, fault: 'kill-redis', nodes: ['node1', 'node2'], redis: true };

function probe(node: string, invoked: number, fields: Partial<Probe> = {}): Probe {
  return { service: 'locks', node, invoked, completed: invoked + 10, failure: undefined, ...fields };
}

const rules = (given: Incidents, probes: Probe[], writes: Probe[] = []) =>
  judgeAvailability(given, ['locks'], probes, writes).violations.map(({ rule }) => rule);

describe('the judge of availability', () => {
  it('lets a node fail that a fault is at work on, and no other', () => {
    const failed = { failure: '503' };
    expect(rules(incidents(killed), [probe('node1', 1500, failed), probe('node1', 2200)])).toEqual([]);
    expect(rules(incidents(killed), [probe('node2', 1500, failed)])).toEqual(['others go on']);
    expect(rules(incidents(killed), [probe('node1', 4200, failed)])).toEqual(['others go on']);
    expect(rules(incidents(restarted), [probe('node2', 1500, failed)])).toEqual([]);
  });

  it('lets no node answer anything but 503 where it fails', () => {
    const failing = (status: number) =>
      rules(incidents(killed), [probe('node1', 1500, { failure: 'x', status }), probe('node1', 2200)]);
    expect(failing(503)).toEqual([]);
    expect(failing(500)).toEqual(['unexpected answer']);
  });

  it('wants every node to serve again two seconds after the cause is gone', () => {
    const given = incidents({ ...restarted, to: 9000 });
    expect(rules(given, [probe('node1', 2500), probe('node2', 3900)])).toEqual([]);
    expect(
      rules(given, [probe('node1', 2500), probe('node2', 3900, { failure: '503' }), probe('node2', 4100)]),
    ).toEqual(['serves again in time']);
    expect(judgeAvailability(given, ['locks'], [probe('node1', 2500)], []).recoveryMs.locks).toBe(510);
  });

  it('counts a node that serves and fails once more as not yet recovered', () => {
    const failed = probe('node1', 2900, { failure: '503' });
    const judged = (probes: Probe[]) => judgeAvailability(incidents(killed), ['locks'], probes, []);
    expect(judged([probe('node1', 2500), failed, probe('node1', 3000)])).toMatchObject({
      recoveryMs: { locks: 1010 },
      violations: [],
    });
    expect(rules(incidents(killed), [probe('node1', 2500), failed, probe('node1', 4100)])).toEqual([
      'serves again in time',
    ]);
  });

  it('excuses a node no longer than the machine was late', () => {
    const stall = { ...restarted, fault: MACHINE };
    const failing = (at: number) => rules(incidents(stall), [probe('node1', at, { failure: '503' })]);
    expect(failing(2050)).toEqual([]);
    expect(failing(2200)).toEqual(['others go on']);
  });

  it('allows for a hold where Redis lost its data', () => {
    const lost = incidents({ ...restarted, loss: true, to: 9000 });
    expect(rules(lost, [probe('node1', 5400)])).toEqual([]);
    expect(rules(lost, [probe('node1', 7600)])).toEqual(['serves again in time']);
  });

  it('counts no recovery that something else got in the way of', () => {
    const again = { ...restarted, from: 2050, healed: 7000, to: 7100 };
    expect(rules(incidents(restarted, again), [probe('node1', 7050)])).toEqual([]);
  });

  it('wants writes to a shared line to wait once, and not for long', () => {
    const slow = (invoked: number, ms: number) => probe('node2', invoked, { completed: invoked + ms });
    expect(rules(incidents(killed), [], [slow(1000, 2500)])).toEqual([]);
    expect(rules(incidents(killed), [], [slow(1000, 3100)])).toEqual(['shared writes go on']);
    const long = { ...killed, to: 6000 };
    expect(rules(incidents(long), [], [slow(1000, 1300), slow(1100, 1300)])).toEqual([]);
    expect(rules(incidents(long), [], [slow(1000, 1300), slow(2400, 1300)])).toEqual(['shared writes go on']);
  });
});
