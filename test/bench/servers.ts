import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '#lib/process';
import { eventually, makeDirectory, post, get, reservePorts, type TestRedis } from '../cluster/index.js';
import { Missing } from './bench.js';
import { startProgram, stopProgram } from './programs/program.js';

/** A server that is measured, on a port of its own. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @param variant `plain`: as anyone would write it; `together`: its answers written together */
export async function startBareApp(variant: 'plain' | 'together'): Promise<Server> {
  const port = await reservePorts(1);
  const child = await startProgram('bare.app', [], { PORT: String(port), BARE: variant });
  return { port, pid: child.pid ?? 0, stop: () => stopProgram(child) };
}

/** @throws Missing */
export async function startEtcd(): Promise<Server> {
  needs('etcd', 'Debian package etcd-server');
  const port = await reservePorts(2);
  const directory = makeDirectory();
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  const child = await Child.start({
    file: 'etcd',
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
  needs('webdis', 'Debian package webdis');
  const port = await reservePorts(1);
  const directory = makeDirectory();
  const file = join(directory, 'webdis.json');
  const settings = { redis_host: '127.0.0.1', redis_port: redis.port, http_host: '127.0.0.1', http_port: port };
  writeFileSync(file, JSON.stringify({ ...settings, daemonize: false, threads: 1, pool_size: 4, verbosity: 0 }));
  const child = await Child.start({ file: 'webdis', args: [file], cwd: directory });
  const stop = async () => {
    await child.stop(5000);
  };
  await eventually(async () => (await get(`http://127.0.0.1:${port}/PING`)).status === 200, {
    what: 'webdis to answer',
    timeoutMs: 10_000,
  });
  return { port, pid: child.pid, stop };
}

function needs(program: string, where: string): void {
  if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) {
    throw new Missing(`there is no ${program} on this machine (${where})`);
  }
}
