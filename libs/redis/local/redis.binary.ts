import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from '#lib/config';
import { Child } from '#lib/process';

const run = promisify(execFile);

/** Scripts with flags (`#!lua flags=..`) came with this version. */
const OLDEST_MAJOR = 7;

/** A program that runs as redis-server. */
export interface RedisBinary {
  readonly file: string;
  /** The name under which it must be started: the Debian package keeps several programs in one file. */
  readonly argv0: string;
  readonly version: string;
}

/** No redis-server is here and none could be had. The message says what was tried and what to do. */
export class RedisServerMissing extends Error {
  override readonly name = 'RedisServerMissing';
}

/** A way to a redis-server: an answer, or why there is none (for the message when all ways fail). */
type Found = RedisBinary | { readonly why: string };

/**
 * Finds a redis-server (or valkey-server) of version 7 or newer: on PATH, else from the system's packages where that
 * asks nobody, else built by redis-memory-server.
 * @param say told before a step that takes its time
 * @param environment where PATH is looked up
 * @throws RedisServerMissing
 */
export async function findRedisServer(
  say: (line: string) => void = () => undefined,
  environment = childEnvironment(),
): Promise<RedisBinary> {
  const reasons: string[] = [];
  for (const way of [onPath, installed, built]) {
    const found = await way(environment, say);
    if ('file' in found) return found;
    reasons.push(found.why);
  }
  throw new RedisServerMissing(
    `No redis-server ${OLDEST_MAJOR} or newer: ${reasons.join('; ')}. Install one (Debian, Ubuntu: ` +
      '"apt-get install redis-server"; macOS: "brew install redis") or set REDIS_URL to a Redis that runs.',
  );
}

/** @returns the version (`7.0.15`) in a line of `redis-server --version`; undefined where it is not a server's */
export function parseVersion(output: string): string | undefined {
  return /^(?:Redis|Valkey) server v=(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

async function onPath(environment: NodeJS.ProcessEnv): Promise<Found> {
  const candidates = [
    { file: 'redis-server', argv0: 'redis-server' },
    { file: 'valkey-server', argv0: 'valkey-server' },
    // Debian's redis-tools: the server's program without the service.
    { file: 'redis-check-rdb', argv0: 'redis-server' },
  ];
  const old: string[] = [];
  for (const { file, argv0 } of candidates) {
    const version = await versionOf(file, argv0, environment);
    if (version === undefined) continue;
    if (Number.parseInt(version) >= OLDEST_MAJOR) return { file, argv0, version };
    old.push(`${file} on PATH is ${version}`);
  }
  return { why: old.length > 0 ? old.join(', ') : 'none on PATH' };
}

async function versionOf(file: string, argv0: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    // Not execFile, which does not pass on argv0.
    const child = await Child.start({ file, args: ['--version'], argv0, env });
    const lines: string[] = [];
    child.on('line', (line) => lines.push(line));
    await child.exited;
    return lines.map(parseVersion).find((version) => version !== undefined);
  } catch {
    return undefined;
  }
}

/**
 * Installs Debian's redis-tools, not redis-server: it carries the same program (under the name redis-check-rdb) and,
 * unlike redis-server, starts no system service on 6379 that would stay behind. A policy-rc.d against that would be a
 * change to the system too, and one that a crash leaves in place.
 */
async function installed(environment: NodeJS.ProcessEnv, say: (line: string) => void): Promise<Found> {
  const env = { ...environment, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (await works('apt-get', ['--version'], env)) ? await aptGet(env) : undefined;
  if (apt === undefined) return { why: 'the system has no apt-get that may be used without asking' };
  say("No redis-server on this machine: installing the system's package redis-tools, which carries it (apt-get).");
  const [program, ...args] = apt;
  const wait = ['-o', 'DPkg::Lock::Timeout=120', '-y', '-q'];
  try {
    // A list that cannot be fetched may not be the one that is needed.
    await run(program, [...args, 'update', '-q'], { env, timeout: 300_000 }).catch(() => undefined);
    await run(program, [...args, ...wait, '--no-install-recommends', 'install', 'redis-tools'], {
      env,
      timeout: 300_000,
    });
  } catch (error) {
    return { why: `apt-get could not install redis-tools (${lastLine(error)})` };
  }
  const found = await onPath(environment);
  return 'file' in found ? found : { why: `redis-tools was installed, but ${found.why}` };
}

/** The command that runs apt-get with the right to install, or undefined where somebody would have to be asked. */
async function aptGet(env: NodeJS.ProcessEnv): Promise<[string, ...string[]] | undefined> {
  if (process.getuid?.() === 0) return ['apt-get'];
  if (await works('sudo', ['-n', 'true'], env)) return ['sudo', '-n', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  return undefined;
}

async function works(file: string, args: string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  return await run(file, args, { env, timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

/** Builds Redis from its published source with make and a C compiler; the result is kept under node_modules/.cache. */
async function built(environment: NodeJS.ProcessEnv, say: (line: string) => void): Promise<Found> {
  for (const tool of ['make', 'cc']) {
    if (!(await works(tool, ['--version'], environment))) {
      return { why: `it cannot be built here (no ${tool})` };
    }
  }
  say('No redis-server on this machine: building one from source, which takes some minutes.');
  // In a process of its own, since the package reads its options from the environment. By default it would not check
  // the certificate of the server that it takes the source from.
  const env = { ...environment, npm_config_strict_ssl: 'true' };
  const program =
    "import('redis-memory-server').then(({ RedisBinary }) => RedisBinary.getPath()).then((path) => console.log(path))";
  try {
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: import.meta.dirname, env });
    const file = stdout.trim();
    const version = await versionOf(file, 'redis-server', environment);
    return version === undefined
      ? { why: `what was built does not run (${file})` }
      : { file, argv0: 'redis-server', version };
  } catch (error) {
    return { why: `it could not be built (${lastLine(error)})` };
  }
}

/** The last words of a failed program, which are the ones that say why. */
function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const lines = (stderr?.trim() ?? '') === '' ? message : (stderr ?? '');
  const errors = lines.split('\n').filter((line) => /error|^E:/i.test(line));
  return (errors.at(-1) ?? lines.trim().split('\n').at(-1) ?? message).trim();
}
