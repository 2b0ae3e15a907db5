import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Child } from '#lib/process';

const forever = "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')";

async function start(program: string): Promise<Child> {
  const child = await Child.start({ file: process.execPath, args: ['-e', program] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** Whether a process runs; one that has ended and waits for its parent to take note does not. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** A program that starts a child which never ends, and says its pid. */
const launch = `
  import { registerHooks } from 'node:module';
  registerHooks({ resolve: (name, context, next) => next(name.replace(/^(\\..*)\\.js$/, '$1.ts'), context) });
  const { Child } = await import(${JSON.stringify(new URL('./child.ts', import.meta.url).href)});
  const child = await Child.start({ file: process.execPath, args: ['-e', ${JSON.stringify(forever)}] });
  child.on('line', () => console.log(child.pid));
`;

describe('a child process', () => {
  it('gives out what it writes, line by line, before it is said to have ended', async () => {
    const child = await start("console.log('one'); console.error('two'); process.stdout.write('three')");
    const lines: string[] = [];
    child.on('line', (line) => lines.push(line));
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
    expect(child.running).toBe(false);
  });

  it('is refused where there is no such program', async () => {
    await expect(Child.start({ file: '/no/such/program', args: [] })).rejects.toThrow('ENOENT');
  });

  it('is asked to stop, also while it is paused', async () => {
    const child = await start(forever);
    await once(child, 'line');
    child.kill('SIGSTOP');
    expect(await child.stop(10_000)).toEqual({ code: 7, signal: null });
  });

  it('is killed when it does not stop in time', async () => {
    const child = await start("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')");
    await once(child, 'line');
    expect(await child.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('does not outlive its parent, even if that is killed with SIGKILL and it is paused itself', async () => {
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', launch], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
    const pid = Number(line);
    expect(isRunning(pid)).toBe(true);
    process.kill(pid, 'SIGSTOP');
    launcher.kill('SIGKILL');
    await vi.waitFor(() => {
      expect(isRunning(pid)).toBe(false);
    }, 5000);
  });
});
