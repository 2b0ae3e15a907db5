import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether Prometheus's own checker is on this machine (Debian: the package `prometheus`). */
export async function hasPromtool(): Promise<boolean> {
  return await run('promtool', ['--version']).then(
    () => true,
    () => false,
  );
}

/** @returns everything that promtool wrote; it rejects with it where promtool is not content */
export async function promtool(args: string[], input = ''): Promise<string> {
  const running = run('promtool', args);
  running.child.stdin?.end(input);
  const { stdout, stderr } = await running;
  return stdout + stderr;
}
