import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const kept = new Set<number>();
let keeper: ChildProcess | undefined;

/**
 * Sees to it that a child does not outlive this process, even where this one is killed with SIGKILL.
 * @returns what to call when the child has ended, before its pid can be given to another process
 */
export function keep(pid: number): () => void {
  if (keeper?.exitCode !== null || keeper.signalCode !== null) keeper = startKeeper([...kept]);
  kept.add(pid);
  tell(`+${pid}`);
  return () => {
    kept.delete(pid);
    tell(`-${pid}`);
  };
}

function tell(line: string): void {
  if (keeper?.stdin?.writable === true) keeper.stdin.write(`${line}\n`);
}

/** Starts the one keeper of all children: from source in tests, from dist elsewhere; Node takes either. */
function startKeeper(pids: number[]): ChildProcess {
  const file = fileURLToPath(import.meta.url).replace(/keeper(\.[jt]s)$/, 'keeper.main$1');
  // Detached: a signal to our process group, such as Ctrl-C, shall not end it before us.
  const started = spawn(process.execPath, [file], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  // Without it children are merely not ended after a SIGKILL of this process, which is no reason to fail.
  started.on('error', () => undefined);
  started.stdin.on('error', () => undefined);
  for (const pid of pids) started.stdin.write(`+${pid}\n`);
  // It waits for the end of this process, so it must not hold it up.
  started.unref();
  if (started.stdin instanceof Socket) started.stdin.unref();
  return started;
}
