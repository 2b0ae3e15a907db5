/**
 * Everything that must hold: what `npm test` runs. Says how each step went and ends with one line, `N passed, N failed`,
 * in which each step and each test counts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const build: Step = { name: 'build', command: ['npm', 'run', '--silent', 'build'] };
const statics: readonly Step[] = [
  { name: 'lint', command: ['eslint', '.'] },
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'format', command: ['prettier', '--check', '--log-level=warn', '.'] },
  { name: 'boundaries', command: ['depcruise', 'apps', 'libs', 'test'] },
  { name: 'unused', command: ['knip'] },
];

const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
await check(build);
await Promise.all([inParallel(statics, check), programs()]);
await redis();
await tests();
const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
console.log(`${tally.passed} passed, ${tally.failed} failed${skipped}`);
process.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0;

/** Runs a step quietly; what it wrote is shown where it fails. */
async function check({ name, command }: Step): Promise<void> {
  const started = performance.now();
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  report(name, code === 0, started, output);
}

/** Makes sure that tests find a redis-server, once and before several of them look for it. */
async function redis(): Promise<void> {
  const started = performance.now();
  try {
    const { findRedisServer } = await import('#lib/redis');
    const { argv0, version } = await findRedisServer(console.log);
    report(`redis (${argv0} ${version})`, true, started);
  } catch (error) {
    report('redis', false, started, error instanceof Error ? error.message : String(error));
  }
}

/** Gets the programs that tests try the system with; where one cannot be had, its tests say so and are skipped. */
async function programs(): Promise<void> {
  const started = performance.now();
  const helper = new URL('../test/tools/debian.program.ts', import.meta.url).href;
  const { findProgram } = (await import(helper)) as typeof import('../test/tools/debian.program.js');
  for (const name of ['haproxy', 'prometheus'] as const) {
    const found = await findProgram(name);
    if ('why' in found) console.log(`       ${found.why}: its tests are skipped`);
    else report(name, true, started);
  }
}

async function tests(): Promise<void> {
  const started = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'check-'));
  const json = join(directory, 'tests.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${json}`];
  const child = spawn('vitest', ['run', ...reporters], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  const counted = readReport(json);
  rmSync(directory, { recursive: true });
  tally.passed += counted.passed;
  tally.failed += counted.failed;
  tally.skipped += counted.skipped;
  // Failed tests are counted one by one; other failures, such as an error outside of any test, count once.
  if (counted.failed > 0) line('tests', false, started);
  else report('tests', code === 0 && counted.passed > 0, started);
}

function readReport(path: string): Tally {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
    const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = report;
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

async function inParallel(steps: readonly Step[], run: (step: Step) => Promise<void>): Promise<void> {
  const waiting = [...steps];
  const worker = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) await run(step);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

function report(name: string, ok: boolean, started: number, output = ''): void {
  tally[ok ? 'passed' : 'failed'] += 1;
  line(name, ok, started);
  if (!ok && output.trim() !== '') console.log(output.trimEnd().replaceAll(/^/gm, '    '));
}

function line(name: string, ok: boolean, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
}
