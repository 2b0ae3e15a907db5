/**
 * The fault campaign: tries to break what runs, and says what held. `npm run test:faults -- --help` says what can be
 * asked for. Its last line is `N passed, N failed`, in which each round and each known fault counts.
 */
import { runRound } from './campaign.js';
import { commandOf, readOptions, USAGE, type Options } from './options.js';
import { hunt, knownFaults } from './known.js';
import { plans } from './plans.js';
import { Progress } from './progress.js';
import { readSummary, writeReport } from './report.js';
import { Rig } from './rig.js';
import { nothing, together, withRound, type HuntResult, type Summary } from './summary.js';
import { versionsOf } from './versions.js';

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
  const { report, add } = options;
  const before = report !== undefined && add ? readSummary(report) : nothing;
  const seed = options.seed ?? before.nextSeed;
  const progress = new Progress();
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    progress.say('Stopping after this round; once more to end at once');
    interrupted.abort();
  });
  let summary = options.campaign ? await campaign({ ...options, seed }, progress, interrupted.signal) : nothing;
  if (options.known) summary = { ...summary, known: await known({ ...options, seed }, progress, interrupted.signal) };
  if (report !== undefined) {
    writeReport(report, together(before, summary));
    progress.say(`The report is in ${report}`);
  }
  return progress.sum(summary);
}

/** Runs the rounds asked for. */
async function campaign(
  options: Options & { readonly seed: number },
  progress: Progress,
  interrupted: AbortSignal,
): Promise<Summary> {
  const { minutes = Infinity, seed } = options;
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 60_000;
  let summary = { ...nothing, nextSeed: seed };
  let rig = await Rig.start();
  try {
    const versions = await versionsOf(rig);
    for (const plan of plans(options)) {
      if (interrupted.aborted || elapsed() > minutes) break;
      progress.begin(plan, rig);
      const result = await runRound(rig, plan);
      summary = withRound(summary, result);
      progress.finish(result);
      if (!result.healed) {
        await rig.stop();
        rig = await Rig.start();
      }
    }
    const { rounds } = summary;
    return { ...summary, runs: [{ ...versions, seed, rounds, minutes: elapsed(), command: commandOf(options) }] };
  } finally {
    progress.end();
    await rig.stop();
  }
}

/** @returns in which round each build with a known fault was caught, if at all */
async function known(
  { services, seed }: Options & { readonly seed: number },
  progress: Progress,
  interrupted: AbortSignal,
): Promise<HuntResult[]> {
  const results: HuntResult[] = [];
  for (const fault of knownFaults.filter(({ service }) => services.includes(service))) {
    if (interrupted.aborted) break;
    const { name, service, rule, under } = fault;
    const round = await hunt(fault, seed);
    results.push({ name, service, rule, ...(under !== undefined && { under }), ...(round !== undefined && { round }) });
    const how = round === undefined ? 'NOT CAUGHT' : `caught in round ${round}`;
    progress.say(`${round === undefined ? 'FAILED' : 'ok    '} known fault of the ${service}: ${name}: ${how}`);
  }
  return results;
}
