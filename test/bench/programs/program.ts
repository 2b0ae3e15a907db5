import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { COMPILED } from '../../cluster/index.js';
import { WrongAnswer, type Sample, type Session } from '../bench.js';

/** What a program that measures in its own process is asked, and what it says. */
export interface Order {
  readonly forMs: number;
}
export type Report = 'ready' | { readonly sample: Sample } | { readonly failed: string };

const STOP_MS = 5000;

/** A program of this folder as a process of its own, which ends with this one. */
export async function startProgram(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildProcess> {
  const child = fork(new URL(`./${name}.js`, import.meta.url), args, {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', NODE_COMPILE_CACHE: COMPILED, ...env },
  });
  const said = await heardFrom(child);
  if (said !== 'ready') throw new Error(`${name} ${args.join(' ')} did not start`);
  return child;
}

/** @returns its next message, or its exit code where it ends before */
async function heardFrom(child: ChildProcess): Promise<unknown> {
  const heard = new AbortController();
  const { signal } = heard;
  const [said] = (await Promise.race([once(child, 'message', { signal }), once(child, 'exit', { signal })])) as [
    unknown,
  ];
  heard.abort();
  return said;
}

/** Ends a program by itself, so that it leaves what it compiled; by force where that takes too long. */
export async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.disconnect();
  await gone;
  clearTimeout(timer);
}

/** A contender of `in.process.ts`: it measures itself, since nothing between it and its caller may be in the way. */
export async function startInProcess(
  contender: string,
  redisUrl: string,
  forMs: number,
  args: readonly string[] = [],
): Promise<Session> {
  const child = await startProgram('in.process', [contender, redisUrl, ...args]);
  return {
    round: async () => {
      const heard = heardFrom(child);
      child.send({ forMs } satisfies Order);
      const report = (await heard) as Report | number | null;
      if (typeof report === 'object' && report && 'sample' in report) return report.sample;
      throw new WrongAnswer(`${contender}: ${JSON.stringify(report)}`);
    },
    stop: () => stopProgram(child),
  };
}
