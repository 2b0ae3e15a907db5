import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '#lib/process';
import { eventually, makeDirectory, post, get, reservePorts, type TestRedis } from '../cluster/index.js';
import { findProgram, type Program } from '../tools/debian.program.js';
import { Missing } from './bench.js';
import { startProgram, stopProgram } from './programs/program.js';

/** A server that is measured, on a port of its own. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @param variant `plain`: as anyone would write it; `together`: its answers written together; a Redis: with one SET in it per call */
export async function startBareApp(variant: 'plain' | 'together' | TestRedis): Promise<Server> {
  const port = await reservePorts(1);
  const env = typeof variant === 'string' ? { BARE: variant } : { BARE: 'redis', REDIS_URL: variant.url };
  const child = await startProgram('bare.app', [], { PORT: String(port), ...env });
  return { port, pid: child.pid ?? 0, stop: () => stopProgram(child) };
}

/** @throws Missing */
export async function startEtcd(): Promise<Server> {
  const { file, env } = await programOf('etcd');
  const port = await reservePorts(2);
  const directory = makeDirectory();
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  const child = await Child.start({
    file,
    env,
    args: [
      ...['--name', 'bench', '--data-dir', directory, '--log-level', 'error'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `bench=${peer}`],
    ],
  });
  const stop = async () => {
    await child.stop(5000);
  };
  await eventually(async () => (await post(`${client}/v3/maintenance/status`, {})).status === 200, {
    what: 'etcd to answer',
    timeoutMs: 20_000,
    everyMs: 100,
  });
  return { port, pid: child.pid, stop };
}

/** @throws Missing */
export async function startWebdis(redis: TestRedis): Promise<Server> {
  const { file: program, env } = await programOf('webdis');
  const port = await reservePorts(1);
  const directory = makeDirectory();
  const file = join(directory, 'webdis.json');
  const settings = { redis_host: '127.0.0.1', redis_port: redis.port, http_host: '127.0.0.1', http_port: port };
  writeFileSync(file, JSON.stringify({ ...settings, daemonize: false, threads: 1, pool_size: 4, verbosity: 0 }));
  const child = await Child.start({ file: program, env, args: [file], cwd: directory });
  const stop = async () => {
    await child.stop(5000);
  };
  await eventually(async () => (await get(`http://127.0.0.1:${port}/PING`)).status === 200, {
    what: 'webdis to answer',
    timeoutMs: 10_000,
  });
  return { port, pid: child.pid, stop };
}

async function programOf(name: 'etcd' | 'webdis'): Promise<Program> {
  const found = await findProgram(name);
  if ('why' in found) throw new Missing(found.why);
  return found;
}
