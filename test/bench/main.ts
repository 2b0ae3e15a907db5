import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { format, resolveConfig } from 'prettier';
import { startRedis } from '../cluster/index.js';
import { runSubject, type Result } from './bench.js';
import { plotFile, plotOf } from './plot.js';
import { reportOf, type Conditions } from './report.js';
import { routes } from './subjects/routes.js';
import { services } from './subjects/services.js';

const DIRECTORY = 'docs/results';
const quick = process.argv.includes('--quick');
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length) ?? '';
const rounds = quick ? 3 : 9;
const forMs = quick ? 500 : 2000;
const connections = quick ? [32] : [1, 32, 256];

const redis = await startRedis();
const results: Result[] = [];
try {
  const subjects = [...connections.map((count) => routes(redis, count, forMs)), ...services(redis, forMs)];
  for (const subject of subjects.filter(({ name }) => name.includes(only))) {
    const began = performance.now();
    const result = await runSubject(subject, rounds, console.log);
    results.push(result);
    console.log(`\n${subject.name} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
    for (const { measure, contender, value, ratio } of result.rows) {
      console.log(`  ${measure} | ${contender}: ${value.median.toPrecision(3)} (ratio ${ratio.median.toFixed(2)})`);
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
if (!quick && only === '') {
  mkdirSync(DIRECTORY, { recursive: true });
  const file = `${DIRECTORY}/benchmarks.md`;
  const markdown = reportOf(results, conditions);
  writeFileSync(file, await format(markdown, { ...(await resolveConfig(file)), parser: 'markdown' }));
  writeFileSync(`${DIRECTORY}/benchmarks.json`, `${JSON.stringify({ conditions, results })}\n`);
  for (const result of results) writeFileSync(`${DIRECTORY}/${plotFile(result)}`, plotOf(result));
}
for (const { subject, targets } of results) {
  for (const { measure, against, atLeast, atMost, reached, met } of targets) {
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    console.log(`${met ? 'met    ' : 'NOT MET'} ${subject}: ${measure} / ${against} ${reached.toFixed(2)}, ${bound}`);
  }
}
process.exit();
