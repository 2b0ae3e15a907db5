import { record } from '../../cache/workload.js';
import type { Workload } from '../round.js';
import { judge } from './judge.js';

const KEYS = 6;
const CLIENTS = 8;
const PACE_MS = 15;

/** Clients that read, write, count and delete a few lines on all nodes. Each line's history must be linearizable. */
export const cache: Workload = async ({ seed, prefix, nodes, signal, incidents }) => {
  const keys = Array.from({ length: KEYS }, (_, number) => `${prefix}-line-${number}`);
  try {
    const history = await record({
      nodes,
      seed,
      keys,
      signal,
      clients: CLIENTS,
      paceMs: PACE_MS,
      patienceMs: 500,
      longPatienceMs: 6000,
      lives: true,
    });
    return () => judge(history, incidents);
  } catch (error) {
    const violation = { rule: 'unexpected answer', what: (error as Error).message, history: [] };
    return () => ({ operations: 0, ambiguous: 0, violations: [violation], figures: {} });
  }
};
