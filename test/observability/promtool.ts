import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../tools/debian.program.js';

const run = promisify(execFile);

interface Promtool {
  /** @returns everything that it wrote; rejects with it where it is not content */
  run(args: string[], input?: string): Promise<string>;
}

/** Finds Prometheus's own checker. */
export async function findPromtool(): Promise<Promtool | { readonly why: string }> {
  const program = await findProgram('promtool');
  if ('why' in program) return program;
  return {
    run: async (args, input = '') => {
      const running = run(program.file, args, { env: program.env });
      running.child.stdin?.end(input);
      const { stdout, stderr } = await running;
      return stdout + stderr;
    },
  };
}
