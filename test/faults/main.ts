/**
 * The fault campaign: tries to break what runs, and says what held. `npm run test:faults -- --help` says what can be
 * asked for. Its last line is `N passed, N failed`, in which each round and each known fault counts.
 */
import { runRound, type Plan } from './campaign.js';
import { faults, type Fault } from './faults.js';
import { hunt, knownFaults } from './known.js';
import { readOptions, USAGE, type Options } from './options.js';
import { Progress } from './progress.js';
import { readSummary, writeReport } from './report.js';
import { Rig } from './rig.js';
import { nothing, together, withRound, type RunOfCampaign, type Summary } from './summary.js';

const ROUND_MS = 8000;
const LONG_ROUND_MS = 15_000;
const SHORT_MIXED_ROUNDS = 3;

if (process.argv.includes('--help')) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const progress = new Progress();
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    progress.say('Stopping after this round; once more to end at once');
    interrupted.abort();
  });
  const started = performance.now();
  const over = () =>
    interrupted.signal.aborted ||
    (options.minutes !== undefined && performance.now() - started > options.minutes * 60_000);
  let summary = await campaign(options, progress, over);
  if (options.known) summary = { ...summary, known: await known(options, progress, interrupted.signal) };
  const minutes = (performance.now() - started) / 60_000;
  summary = { ...summary, runs: summary.runs.map((run) => ({ ...run, minutes })) };
  if (options.report !== undefined) {
    writeReport(options.report, options.add ? together(readSummary(options.report), summary) : summary);
    progress.say(`The report is in ${options.report}`);
  }
  progress.sum(summary);
  return summary.violations.length + summary.known.missed.length > 0 ? 1 : 0;
}

/** Runs the rounds asked for. */
async function campaign(options: Options, progress: Progress, over: () => boolean): Promise<Summary> {
  const rig = await Rig.start();
  try {
    let summary = nothing;
    for (const plan of plans(options)) {
      if (over()) break;
      progress.begin(plan, rig);
      const result = await runRound(rig, plan);
      summary = withRound(summary, result);
      progress.finish(result);
    }
    return { ...summary, runs: [await runOf(options, summary, rig)] };
  } finally {
    progress.end();
    await rig.stop();
  }
}

/** The rounds one after the other, without end where the time says when it is enough. */
function* plans({ minutes, rounds, seed, mixed, faults: asked, services }: Options): Generator<Plan> {
  const chosen = asked ?? faults;
  const fit = ({ services: only }: Fault) => !only || services.every((service) => only.includes(service));
  const ms = minutes === undefined ? ROUND_MS : LONG_ROUND_MS;
  const most = rounds ?? (minutes === undefined ? chosen.length + SHORT_MIXED_ROUNDS + 1 : Infinity);
  for (let round = 0; round < most; round += 1) {
    const turn = round % (chosen.length + SHORT_MIXED_ROUNDS + 1);
    const one = chosen[turn];
    const own = { seed: seed + round, ms };
    if (mixed || turn > chosen.length) yield { ...own, faults: chosen.filter(fit), services };
    else if (!one) yield { ...own, faults: [], services };
    else
      yield { ...own, faults: [one], services: services.filter((service) => one.services?.includes(service) ?? true) };
  }
}

/** @returns which builds with a known fault were caught */
async function known({ seed, services }: Options, progress: Progress, signal: AbortSignal): Promise<Summary['known']> {
  let caught = 0;
  const missed: string[] = [];
  for (const fault of knownFaults.filter(({ service }) => services.includes(service))) {
    if (signal.aborted) break;
    const round = await hunt(fault, seed);
    if (round === undefined) missed.push(fault.name);
    else caught += 1;
    const how = round === undefined ? 'NOT CAUGHT' : `caught in round ${round}`;
    progress.say(`known fault of the ${fault.service}: ${fault.name}: ${how}`);
  }
  return { caught, missed };
}

/** @returns what the run was, but for how long it took */
async function runOf({ seed }: Options, { rounds }: Summary, { redis }: Rig): Promise<RunOfCampaign> {
  const info = String(await redis.command('info', 'server'));
  return {
    seed,
    minutes: 0,
    rounds,
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
  };
}
