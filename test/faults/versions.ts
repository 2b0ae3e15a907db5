import { execFileSync } from 'node:child_process';
import type { Rig } from './rig.js';

/** What was tested, and on what. */
export interface Versions {
  readonly date: string;
  /** Of the tested code; with `+` where it was changed since. Empty where there is no git. */
  readonly commit: string;
  readonly node: string;
  readonly redis: string;
}

export async function versionsOf({ redis }: Rig): Promise<Versions> {
  const info = String(await redis.command('info', 'server'));
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'apps', 'libs', 'test/faults') && '+'),
    node: process.versions.node,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
