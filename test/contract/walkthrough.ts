/**
 * The walkthrough of the system (walkthrough.json) against running nodes, step by step. Uses nothing but Node, so that it
 * runs wherever the nodes can be reached: `node walkthrough.ts http://host:8001 http://host:8002 http://host:8003`.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';

const READY_MS = 30_000;
const ANSWER_MS = 10_000;

export interface Step {
  /** What the step, and those after it without words of their own, shows. */
  readonly say?: string;
  readonly get?: string;
  readonly post?: string;
  readonly json?: unknown;
  readonly expect?: unknown;
  /** Whether the body is exactly `expect`; else it contains it. */
  readonly exact?: boolean;
  /** 200 unless given. */
  readonly status?: number;
  /** A node that is to stop, or to start, before the next step. */
  readonly stop?: string;
  readonly start?: string;
}

/** The nodes that a walkthrough is replayed on. */
export interface Target {
  /** The addresses of node1, node2 and node3. */
  readonly addresses: readonly string[];
  /** Stops or starts a node, by its id. A step is skipped where there is no way to. */
  readonly stop?: ((node: string) => Promise<void> | void) | undefined;
  readonly start?: ((node: string) => Promise<void> | void) | undefined;
}

/** An answer was not what the walkthrough says. */
class WalkthroughFailed extends Error {
  override readonly name = 'WalkthroughFailed';
}

/**
 * The steps of the walkthrough, and one more after each read that found a line modified: the next read finds it shared.
 */
export function readSteps(): Step[] {
  const text = readFileSync(new URL('./walkthrough.json', import.meta.url), 'utf8');
  const { steps } = JSON.parse(text) as { steps: Step[] };
  return steps.flatMap((step) => {
    const { value } = (step.expect ?? {}) as { value?: { state?: string } };
    if (step.get?.includes('/cache/read') !== true || value?.state !== 'M') return [step];
    const next = {
      ...step,
      say: 'the next read there finds it shared',
      expect: { ok: true, value: { ...value, state: 'S' } },
    };
    return [step, next];
  });
}

/** @returns what a step does, in a line */
export function title(step: Step): string {
  const request =
    step.get !== undefined ? `GET ${step.get}` : step.post !== undefined ? `POST ${step.post}` : undefined;
  const change = step.stop !== undefined ? `stop ${step.stop}` : `start ${step.start ?? ''}`;
  return [step.say, (request ?? change).replace('http://localhost', '')]
    .filter((part) => part !== undefined)
    .join(': ');
}

/**
 * Does one step.
 * @returns false where it was skipped, since the target has no way to stop or start a node
 * @throws WalkthroughFailed
 */
export async function perform(step: Step, target: Target): Promise<boolean> {
  if (step.stop !== undefined) {
    await target.stop?.(step.stop);
    return target.stop !== undefined;
  }
  if (step.start !== undefined) {
    if (!target.start) return false;
    await target.start(step.start);
    await untilReady(address(target, Number(step.start.replace('node', ''))));
    return true;
  }
  await ask(step, target);
  return true;
}

/** Whether a JSON value has everything that another one has; arrays element by element. */
export function contains(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual) !== Array.isArray(expected)) return false;
  if (Array.isArray(expected) && expected.length !== (actual as unknown[]).length) return false;
  return Object.entries(expected).every(
    ([field, value]) => Object.hasOwn(actual, field) && contains((actual as Record<string, unknown>)[field], value),
  );
}

async function ask(step: Step, target: Target): Promise<void> {
  const url = new URL(step.get ?? step.post ?? '');
  const base = address(target, Number(url.port) - 8000);
  const response = await fetch(base + url.pathname + url.search, {
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(step.post !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(step.json),
    }),
  }).catch((error: unknown) => {
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new WalkthroughFailed(`${title(step)}\n  ${base} does not answer (${reason})`, { cause: error });
  });
  const text = await response.text();
  const status = step.status ?? 200;
  const fits = step.expect === undefined || fitsBody(parse(text), step);
  if (response.status === status && fits) return;
  const expected =
    step.expect === undefined ? '' : ` ${step.exact === true ? '' : 'with '}${JSON.stringify(step.expect)}`;
  throw new WalkthroughFailed(
    `${title(step)}\n  expected ${status}${expected}\n  answered ${response.status} ${text.slice(0, 1000)}`,
  );
}

function fitsBody(body: unknown, { expect, exact }: Step): boolean {
  return exact === true ? isDeepStrictEqual(body, expect) : contains(body, expect);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function address(target: Target, number: number): string {
  const found = target.addresses[number - 1];
  if (found === undefined) throw new Error(`The walkthrough needs the address of node${number}`);
  return found.replace(/\/$/, '');
}

async function untilReady(base: string): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    const ready = await fetch(`${base}/health`, { signal: AbortSignal.timeout(1000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await pause(50);
  }
  throw new WalkthroughFailed(`${base} was not ready ${READY_MS / 1000} s after its start`);
}

const USAGE = `Usage: npm run walkthrough -- [options] <address of node1> <of node2> <of node3>
  --stop <command>   runs this to stop node2, and
  --start <command>  this to start it again
  --ask              asks you to stop and to start it, and waits for Enter
Without these the steps that stop and start node2 are left out.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { stop: { type: 'string' }, start: { type: 'string' }, ask: { type: 'boolean' } },
  });
  if (positionals.length !== 3 || !positionals.every((url) => /^https?:/.test(url))) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const by = values.ask === true ? askPerson() : undefined;
  const target: Target = {
    addresses: positionals,
    stop: by ? (node) => by(`stop ${node}`) : byCommand(values.stop),
    start: by ? (node) => by(`start ${node}`) : byCommand(values.start),
  };
  for (const step of readSteps()) {
    const done = await perform(step, target);
    console.log(`${done ? 'ok     ' : 'skipped'} ${title(step)}`);
  }
  console.log('The walkthrough holds.');
}

function byCommand(command: string | undefined): ((node: string) => void) | undefined {
  if (command === undefined) return undefined;
  return () => {
    const { status } = spawnSync(command, { shell: true, stdio: 'inherit' });
    if (status !== 0) throw new WalkthroughFailed(`"${command}" ended with ${status}`);
  };
}

function askPerson(): (what: string) => Promise<void> {
  const input = createInterface({ input: process.stdin });
  input.pause();
  return async (what) => {
    console.log(`Please ${what}, then press Enter.`);
    input.resume();
    await once(input, 'line');
    input.pause();
  };
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
