import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const KEPT = fileURLToPath(new URL('../../node_modules/.cache/debian/', import.meta.url));
const TIMEOUT_MS = 180_000;

/** A program that is no part of the system, and that tests try the system with. */
export interface Program {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Where each program is on Debian and Ubuntu, and how it is asked for its version. */
const PACKAGES = {
  etcd: { name: 'etcd-server', version: '--version' },
  haproxy: { name: 'haproxy', version: '-v' },
  prometheus: { name: 'prometheus', version: '--version' },
  promtool: { name: 'prometheus', version: '--version' },
  webdis: { name: 'webdis', version: '--version' },
} as const;

/**
 * Finds a program: on PATH, else in Debian's package, which is unpacked under node_modules/.cache. So nothing is
 * installed on the machine, which would start services there, and nobody has to be root.
 * @returns why there is none, for the test that is skipped, where the system's packages are not Debian's or cannot be had
 */
export async function findProgram(program: keyof typeof PACKAGES): Promise<Program | { readonly why: string }> {
  const { name, version } = PACKAGES[program];
  if (await works(program, [version])) return { file: program, env: process.env };
  const root = join(KEPT, name);
  if (!existsSync(root)) {
    if (!(await works('apt-get', ['--version'])) || !(await works('dpkg-deb', ['--version'])))
      return { why: `no ${program} on PATH, and no apt-get to get it with` };
    try {
      await unpack(name, root);
    } catch (error) {
      return { why: `no ${program} on PATH, and its package cannot be had (${lastLine(error)})` };
    }
  }
  const [file] = globSync(join(root, `usr/{bin,sbin}/${program}`));
  const libraries = globSync(join(root, '{usr/lib,lib}/*-linux-gnu*')).join(':');
  const env = { ...process.env, ...(libraries !== '' && { LD_LIBRARY_PATH: libraries }) };
  if (file === undefined || !(await works(file, [version], env)))
    return { why: `${program} of the package ${name} does not run here` };
  return { file, env };
}

/** Downloads a package and what it needs that is not here, with lists of packages of our own, and unpacks all of it. */
async function unpack(name: string, root: string): Promise<void> {
  mkdirSync(KEPT, { recursive: true });
  const directory = mkdtempSync(join(KEPT, 'new-'));
  try {
    const options = {
      'Dir::State::Lists': join(directory, 'lists'),
      'Dir::Cache': join(directory, 'cache'),
      'Debug::NoLocking': 'true',
      'APT::Sandbox::User': '',
      'APT::Install-Recommends': 'false',
      'Acquire::Languages': 'none',
    };
    const given = Object.entries(options).flatMap(([option, value]) => ['-o', `${option}=${value}`]);
    for (const folder of ['lists/partial', 'cache/archives/partial', 'root'])
      mkdirSync(join(directory, folder), { recursive: true });
    await run('apt-get', [...given, '-q', 'update'], { timeout: TIMEOUT_MS });
    await run('apt-get', [...given, '-q', '-y', '--download-only', 'install', name], { timeout: TIMEOUT_MS });
    for (const archive of globSync(join(directory, 'cache/archives/*.deb')))
      await run('dpkg-deb', ['--extract', archive, join(directory, 'root')]);
    // Another process may have been faster.
    if (!existsSync(root)) renameSync(join(directory, 'root'), root);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function works(file: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  return await run(file, args, { env, timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

/** The last words of a failed program, which are the ones that say why. */
export function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr ?? message).trim().split('\n');
  return (lines.findLast((line) => line.startsWith('E:')) ?? lines.at(-1) ?? message).trim();
}
