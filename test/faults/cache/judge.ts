import { LEASE_MS } from '#lib/membership';
import { judgeAll, type History } from '../../cache/workload.js';
import type { LineOperation } from '../../linearizability/line.model.js';
import type { Incident, Incidents, Outcome, Violation } from '../round.js';

export const LINEARIZABLE = 'linearizable';

/** Holds what clients saw of each line against one line in one place, which may forget all when Redis does. */
export function judge(history: History, { all }: Incidents): Outcome {
  const losses = all.filter(({ loss }) => loss);
  const { verdict, report } = judgeAll(losses.length > 0 ? withLosses(history, losses) : history);
  const violations: Violation[] = [];
  if (verdict !== 'linearizable') {
    const [what = verdict, ...lines] = report.split('\n');
    violations.push({ rule: verdict === 'undecided' ? 'undecided' : LINEARIZABLE, what, history: lines });
  }
  const { operations, unclear, hits } = history;
  return { operations, ambiguous: unclear, violations, figures: { 'cache hits': hits } };
}

/** The history with what Redis forgot in it, at some time of each loss. */
function withLosses(history: History, incidents: readonly Incident[]): History {
  // Until the last lease of before has ended, all nodes hold back what would ask Redis, and copies may be served.
  const losses = incidents.map(({ from, healed }) => ({ from, to: Math.max(healed, from + LEASE_MS) }));
  const byKey = [...history.byKey].map(([key, operations]) => {
    const lost = losses.map(({ from, to }): LineOperation => ({
      client: -1,
      invoked: from,
      completed: to,
      input: { kind: 'lost' },
      output: { kind: 'lost' },
    }));
    // What was asked again after the loss, under its requestId, may have been done before it as well, and forgotten.
    const twice = operations.filter(
      ({ input, invoked, completed }) =>
        input.kind !== 'read' && losses.some(({ from, to }) => invoked <= to && completed >= from),
    );
    const perhaps = twice.map((operation) => ({ ...operation, completed: Infinity, output: undefined }));
    return [key, [...operations, ...lost, ...perhaps]] as const;
  });
  return { ...history, byKey: new Map(byKey) };
}
