import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAME = /^sync-test-(\d+)-/;
const made = new Set<string>();
let first = true;

/** A directory for data of a test. It is removed with {@link removeDirectory}, or when this process ends. */
export function makeDirectory(): string {
  if (first) {
    first = false;
    removeLeftOver();
    process.once('exit', () => {
      for (const directory of made) removeDirectory(directory);
    });
  }
  const directory = mkdtempSync(join(tmpdir(), `sync-test-${process.pid}-`));
  made.add(directory);
  return directory;
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  made.delete(directory);
}

/** What test processes left behind that were killed. */
function removeLeftOver(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(NAME.exec(name)?.[1]);
    if (pid > 0 && !exists(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
