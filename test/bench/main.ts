import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { startRedis } from '../cluster/index.js';
import { failedSubject, runSubject, type Result } from './bench.js';
import { plotFile, plotOf } from './plot.js';
import { comparedWith, inWords, reportOf, type Conditions } from './report.js';
import { aNode } from './subjects/a.node.js';
import { growth, valueSizes } from './subjects/growth.js';
import { handOff } from './subjects/hand.off.js';
import { lines } from './subjects/lines.js';
import { openLoop } from './subjects/open.loop.js';
import { pushToPop } from './subjects/push.to.pop.js';
import { routes } from './subjects/routes.js';
import { services } from './subjects/services.js';

const PUBLISHED = 'docs/results';
const USAGE = `npm run bench -- [options]
Without options: every subject, at length, some 30 minutes; writes tables, plots and figures to ${PUBLISHED}.
  --quick          how things stand, in two minutes; writes nothing unless told
  --only NAME      only subjects with this in their name; writes nothing unless told
  --things N       the most things held in the subjects of growth (100000, quick: 1000)
  --out DIR        writes there`;
const { quick, only, things, out, help } = readOptions();
if (help) {
  console.log(USAGE);
  process.exit();
}
const powersOfTen = (from: number, to: number) => {
  const all: number[] = [];
  for (let one = from; one <= to; one *= 10) all.push(one);
  return all;
};
// What else a machine does changes from second to second: many short rounds tell contenders apart that few long ones do not.
const rounds = quick ? 1 : 20;
const forMs = quick ? 150 : 250;
const times = { warmUpMs: rounds * forMs, forMs };
/** Of subjects with few rounds. */
const longMs = quick ? 150 : 800;
/** In which a node is idle: longer than the times between what it does by itself. */
const idleMs = 5 * longMs;
const connections = quick ? [32] : [1, 32, 256];
// A million locks alone take minutes to make.
const mostThings = Number(things ?? (quick ? 1000 : 100_000));
const numbers = quick ? [100, mostThings] : powersOfTen(100, mostThings);
const waiters = quick ? [2, 30] : [2, 30, 1000];
const callsAmongThings = quick ? 300 : 2000;

const redis = await startRedis();
const results: Result[] = [];
try {
  const subjects = [
    ...connections.map((count) => routes(redis, count, times)),
    openLoop(redis, { warmUpMs: times.warmUpMs, forMs: 3 * longMs }),
    ...services(redis, forMs),
    handOff(redis, waiters, longMs),
    pushToPop(redis, longMs),
    lines(redis, longMs / 2),
    ...growth(numbers, callsAmongThings, idleMs),
    ...(quick ? [] : valueSizes(powersOfTen(10, 100_000), callsAmongThings / 2, idleMs)),
    aNode(redis, 2 * idleMs, !quick),
  ];
  for (const subject of subjects.filter(({ name }) => name.includes(only))) {
    const began = performance.now();
    const result = await runSubject(subject, rounds, console.log).catch((error: unknown) => {
      console.error(error);
      return failedSubject(subject, error);
    });
    results.push(result);
    console.log(`\n${subject.name} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
    for (const { measure, unit, contender, value, ratio } of result.rows) {
      const figure = `${value.median.toPrecision(3)} ${unit} (ratio ${ratio.median.toFixed(2)})`;
      console.log(`  ${measure} | ${contender}: ${figure}`);
    }
    await redis.command('FLUSHALL');
  }
} finally {
  await redis.stop();
}

const conditions: Conditions = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  machine: `${availableParallelism()} CPUs (${cpus()[0]?.model ?? 'unknown'}), ${platform()} ${arch()}`,
  rounds,
  forMs,
};
// A quick run says how things stand; what is published comes from a whole one.
const directory = out ?? (quick || only !== '' ? undefined : PUBLISHED);
if (directory !== undefined) {
  mkdirSync(directory, { recursive: true });
  const file = `${directory}/benchmarks.md`;
  const markdown = reportOf(results, conditions);
  writeFileSync(
    file,
    await format(markdown, { ...(await resolveConfig(`${PUBLISHED}/benchmarks.md`)), parser: 'markdown' }),
  );
  writeFileSync(`${directory}/benchmarks.json`, `${JSON.stringify({ conditions, results })}\n`);
  for (const result of results.filter(({ rows }) => rows.length > 0))
    writeFileSync(`${directory}/${plotFile(result)}`, plotOf(result));
}
for (const { subject, rows, targets } of results) {
  for (const target of targets) {
    const { reached, bound } = inWords(target, rows.find(({ measure }) => measure === target.measure)?.unit ?? '');
    const what = `${subject}: ${target.measure} / ${comparedWith(target)}`;
    console.log(`${target.verdict === 'met' ? 'met' : target.verdict.toUpperCase()} | ${what} | ${reached}, ${bound}`);
  }
}
for (const { subject, failed } of results) if (failed !== undefined) console.log(`FAILED | ${subject} | ${failed}`);
process.exit(results.some(({ failed }) => failed !== undefined) ? 1 : 0);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        things: { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.things !== undefined && !/^10{2,6}$/.test(values.things))
      throw new Error('--things is a power of ten from 100 to 1000000');
    return values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
