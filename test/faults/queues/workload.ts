import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../../chance.js';
import type { Round, Workload } from '../round.js';
import { Client } from './client.js';
import { consume, type Habits } from './consumer.js';
import { drain, remove, statsOf, type Leftover } from './drain.js';
import { clarityOf, type Call } from './history.js';
import { judge } from './judge.js';
import { produce, type Backlog, type Queues } from './producer.js';

const PRODUCERS = 4;
const BACKLOG_EVERY_MS = 300;

/** Producers and consumers of a few queues on all nodes. */
export const queues: Workload = async (round) => {
  const start = performance.now();
  const calls: Call[] = [];
  const names = namesOf(round.prefix);
  const all = [names.manual, names.auto, names.mixed, names.short];
  const backlog: Backlog = { size: 0 };
  let number = 0;
  const client = (role: string) => {
    number += 1;
    return new Client(`${role}${number}`, round, calls, number);
  };
  await Promise.all([
    watchBacklog(round, all, backlog),
    ...Array.from({ length: PRODUCERS }, () => produce(client('producer'), names, backlog)),
    ...habitsOf(names).map((habits) => consume(client('consumer'), habits)),
  ]);
  const over = performance.now();
  const leftovers: Leftover[] = [];
  await Promise.all(
    all.map(async (queue) => {
      const left = await drain(client('drain'), queue, round);
      if (left) leftovers.push(left);
      else if (round.nodes[0]) await remove(round.nodes[0], queue);
    }),
  );
  const drainMs = Math.round(performance.now() - over);
  return () => {
    const { violations, figures } = judge({ calls, incidents: round.incidents, leftovers, start });
    const attempts = calls.flatMap((call) => call.attempts);
    return {
      operations: attempts.length,
      ambiguous: attempts.filter((attempt) => clarityOf(attempt) === 'unclear').length,
      violations,
      figures: { ...figures, 'longest drain of what a round left, ms': drainMs },
    };
  };
};

function namesOf(prefix: string): Queues {
  return { manual: `${prefix}-manual`, auto: `${prefix}-auto`, mixed: `${prefix}-mixed`, short: `${prefix}-short` };
}

function habitsOf({ manual, auto, mixed, short }: Queues): Habits[] {
  const byReceipt = { queue: manual, auto: 0, returns: 0.1, hangUps: 0.05 };
  const without = { queue: auto, auto: 1, returns: 0, hangUps: 0.05 };
  const both = { queue: mixed, auto: 0.2, returns: 0.1, hangUps: 0 };
  return [byReceipt, byReceipt, without, without, both, both, { queue: short, auto: 0, returns: 0.3, hangUps: 0.05 }];
}

/** Asks now and then how much is ready, so that producers stay near the consumers. */
async function watchBacklog({ nodes, seed, signal }: Round, names: readonly string[], backlog: Backlog): Promise<void> {
  const chance = new Chance(seed);
  while (!signal.aborted) {
    const node = chance.of(nodes);
    const stats = await Promise.all(names.map(async (name) => await statsOf(node, name)));
    if (stats.every(({ ok }) => ok === true)) {
      backlog.size = stats.reduce((sum, { ready }) => sum + Number(ready), 0);
    }
    await pause(BACKLOG_EVERY_MS);
  }
}
