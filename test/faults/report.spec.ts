import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RoundResult } from './campaign.js';
import { faults, SERVICES } from './faults.js';
import { readOptions } from './options.js';
import { plans } from './plans.js';
import { readSummary, writeReport } from './report.js';
import { nothing, together, withRound, type Summary } from './summary.js';

const asked = (...args: string[]) => [...plans({ ...readOptions(args), seed: 1 })];
const named = (args: string[]) => asked(...args).map((plan) => plan.faults.map(({ name }) => name).join());

describe('the programme', () => {
  it('has no fault, every one alone, and several at once', () => {
    const all = asked();
    const alone = all.filter((plan) => plan.faults.length === 1).flatMap((plan) => plan.faults);
    expect(new Set(alone)).toEqual(new Set(faults));
    expect(all.filter((plan) => plan.faults.length === 0).length).toBe(1);
    expect(all.filter((plan) => plan.faults.length > 1).map((plan) => plan.faults.length)).toContain(faults.length);
    for (const { services } of all) expect(services).toEqual(SERVICES);
  });

  it('goes on where it was, so that pieces of a long campaign are one', () => {
    const whole = asked('--rounds', '40').map(({ seed, faults: some }) => [seed, some]);
    const rest = [...plans({ ...readOptions(['--rounds', '20']), seed: 21 })].map((plan) => [plan.seed, plan.faults]);
    expect(whole.slice(20)).toEqual(rest);
  });

  it('is one round where one fault is asked for', () => {
    expect(named(['--faults', 'kill-node'])).toEqual(['kill-node']);
    expect(named(['--faults', 'none', '--rounds', '2'])).toEqual(['', '']);
    expect(named(['--faults', 'kill-node,lose-redis', '--mixed'])).toEqual(['kill-node,lose-redis']);
  });
});

function round(seed: number, ms: number, broken: boolean): RoundResult {
  const [plan] = plans({ ...readOptions(['--faults', 'kill-node', '--services', 'locks']), seed });
  if (!plan) throw new Error('There is no round');
  const figures = { 'longest wait, ms': ms, 'locks granted': 2 };
  const recoveryMs = { locks: ms, queues: 0, cache: 0 };
  return {
    plan,
    healed: true,
    injected: 3,
    stalledMs: 100,
    outcomes: { locks: { operations: 10, ambiguous: 1, violations: [], figures } },
    availability: { recoveryMs, outageMs: recoveryMs, sharedWriteMs: ms, violations: [] },
    violations: broken ? [{ service: 'locks', rule: 'order', what: 'b came before a', history: ['a asks'] }] : [],
    circumstances: [],
  };
}

function run(...rounds: RoundResult[]): Summary {
  const seed = rounds[0]?.plan.seed ?? 0;
  const versions = { date: '', commit: '', node: '', redis: '' };
  const summary = rounds.reduce(withRound, nothing);
  return { ...summary, runs: [{ ...versions, command: 'x', seed, minutes: 1, rounds: rounds.length }] };
}

describe('the report', () => {
  it('adds up what was run in pieces, and keeps what was written by hand', () => {
    const directory = mkdtempSync(join(tmpdir(), 'report-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true });
    });
    writeFileSync(join(directory, 'faults.found.md'), '## What it found\n\nThis was found.\n');
    for (const piece of [run(round(1, 50, false), round(2, 70, false)), run(round(3, 60, true))])
      writeReport(directory, together(readSummary(directory), piece));
    const summary = readSummary(directory);
    expect(summary).toMatchObject({ rounds: 3, nextSeed: 4, sharedWriteMs: 70, stalledMs: 300 });
    expect(summary.runs.map(({ seed }) => seed)).toEqual([1, 3]);
    expect(summary.figures).toEqual({ locks: { 'longest wait, ms': 70, 'locks granted': 6 } });
    const page = readFileSync(join(directory, 'faults.md'), 'utf8');
    expect(page).toContain('| kill-node | locks | 3 | 30 | 9 | 3 | 70 | 70 | 1 |');
    expect(page).toContain('**locks, order** (kill-node): b came before a');
    expect(page).toContain('`npm run test:faults -- --rounds 1 --seed 3 --faults kill-node --services locks`');
    expect(page).toContain('This was found.');
  });

  it('shows for a build with a known fault what became of it last', () => {
    const hunted = { name: 'late', service: 'locks', rule: 'answers in time' } as const;
    const before = { ...nothing, known: [hunted] };
    const after = { ...nothing, known: [{ ...hunted, round: 2 }] };
    expect(together(before, after).known).toEqual([{ ...hunted, round: 2 }]);
  });
});
