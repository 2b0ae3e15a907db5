import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../../chance.js';
import type { Outcome, Round, Violation, Workload } from '../round.js';
import { LockClient } from './client.js';
import { grantsOf, violation, type Sample } from './history.js';
import { judge } from './judge.js';
import { Recorder } from './recorder.js';

const CLIENTS = 10;
const LOCKS = ['a', 'b', 'c', 'd'];
const LOOK_MS = 200;
/** By then nobody waits any more whose client has gone. */
const END_MS = 5000;
/** Of each rule; one that is broken is broken again and again. */
const MOST_TOLD = 10;

const LEFT_WAITING = 'a wait is left behind';

/** Clients of the locks under faults. */
export const locks: Workload = async (round) => {
  const { seed, prefix, nodes, signal, incidents } = round;
  const recorder = new Recorder();
  const names = LOCKS.map((name) => `${prefix}${name}`);
  const clients = Array.from(
    { length: CLIENTS },
    (_, number) =>
      new LockClient(
        `${prefix}${number}`,
        recorder,
        nodes,
        new Chance(seed * 1000 + number),
        names,
        signal,
        number === 0,
      ),
  );
  const working = Promise.all(clients.map((client) => client.run()));
  await Promise.all([working, look(round, recorder, names)]);
  const left = await waitForNobody(round, recorder, names);
  return () => {
    const { violations, longestIdleMs } = judge(recorder, incidents);
    return outcomeOf(recorder, [...recorder.unexpected, ...violations, ...left], longestIdleMs);
  };
};

async function look({ seed, nodes, signal }: Round, recorder: Recorder, names: readonly string[]): Promise<void> {
  const chance = new Chance(seed * 1000 + CLIENTS);
  await Promise.all(
    names.map(async (name) => {
      while (!signal.aborted) {
        await recorder.look(chance.of(nodes), name);
        await pause(LOOK_MS);
      }
    }),
  );
}

/** All clients are gone: nobody waits. What is still held is looked at once more, for the judge. */
async function waitForNobody(
  { nodes, seed }: Round,
  recorder: Recorder,
  names: readonly string[],
): Promise<Violation[]> {
  const until = performance.now() + END_MS;
  const chance = new Chance(seed);
  for (;;) {
    const samples = await Promise.all(names.map((name) => recorder.look(chance.of(nodes), name)));
    const waitedFor = samples.flatMap((sample) => (sample && sample.waiters.length > 0 ? [sample] : []));
    if (waitedFor.length === 0 && samples.every((sample) => sample)) return [];
    if (performance.now() > until) return waitedFor.map((sample) => leftWaiting(sample, recorder));
    await pause(LOOK_MS);
  }
}

function leftWaiting(sample: Sample, recorder: Recorder): Violation {
  return violation(LEFT_WAITING, `${sample.name} is waited for although all clients are gone`, [sample], recorder);
}

function outcomeOf(recorder: Recorder, violations: readonly Violation[], longestIdleMs: number): Outcome {
  const { calls, samples, refused } = recorder;
  const told = new Map<string, number>();
  const answered = (reason: string) => calls.filter(({ answer }) => answer?.reason === reason).length;
  return {
    operations: calls.length,
    ambiguous: calls.filter(({ outcome }) => outcome === 'unclear').length,
    violations: violations.filter(({ rule }) => {
      const number = (told.get(rule) ?? 0) + 1;
      told.set(rule, number);
      return number <= MOST_TOLD;
    }),
    figures: {
      'locks granted': calls.filter((call) => grantsOf(call).length > 0).length,
      'locks refused at once': answered('locked'),
      'lock waits that timed out': answered('timeout'),
      'lock deadlocks': answered('deadlock'),
      'lock calls answered 503': refused,
      'looks at locks': samples.length,
      'longest time a lock was free while waited for, ms': Math.round(longestIdleMs),
    },
  };
}
