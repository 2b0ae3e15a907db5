import { createServer } from 'node:http';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Child, isTaken, listener } from '#lib/process';
import { makeDirectory, removeDirectory } from './directories.js';
import { endWithParent } from './end-with-parent.js';
import { eventually, get, reservePorts } from './index.js';

const MAIN = fileURLToPath(new URL('../../dist/apps/local-cluster/main.js', import.meta.url));

/** `npm start` without npm: the launcher as a process, with its data and ports apart from everybody else's. */
class Launcher {
  readonly log: string[] = [];

  private constructor(
    readonly child: Child,
    readonly port: number,
    readonly data: string,
  ) {
    child.on('line', (line) => this.log.push(line));
  }

  static async start({ env = {}, port, data }: { env?: NodeJS.ProcessEnv; port?: number; data?: string } = {}) {
    endWithParent();
    const first = port ?? (await reservePorts(3));
    const directory = data ?? makeDirectory();
    const settings = { LOCAL_CLUSTER_PORT: String(first), LOCAL_CLUSTER_DATA: directory, ...env };
    const child = await Child.start({
      file: process.execPath,
      args: [MAIN],
      env: { PATH: process.env['PATH'], ...settings },
    });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await child.exited;
      removeDirectory(directory);
    });
    return new Launcher(child, first, directory);
  }

  get text(): string {
    return this.log.join('\n');
  }

  async says(words: string, timeoutMs = 20_000): Promise<void> {
    await eventually(() => this.text.includes(words) || this.ended(), { what: `"${words}"`, timeoutMs });
    if (!this.text.includes(words)) throw new Error(`It never said "${words}", but:\n${this.text}`);
  }

  private ended(): boolean {
    return !this.child.running;
  }

  async serves(number: number): Promise<boolean> {
    const { status, body } = await get(`http://127.0.0.1:${this.port + number - 1}/health`);
    return status === 200 && body['node'] === `node${number}`;
  }

  async pidOf(number: number): Promise<number> {
    return (await listener(this.port + number - 1))?.pid ?? 0;
  }

  /** The pids of the nodes and of Redis, each of which is a child of the launcher's. */
  async ports(): Promise<number[]> {
    const redis = /redis:\/\/127\.0\.0\.1:(\d+)/.exec(this.text)?.[1];
    const taken = [this.port, this.port + 1, this.port + 2, Number(redis)];
    const states = await Promise.all(taken.map((port) => isTaken(port)));
    return taken.filter((_, index) => states[index]);
  }
}

describe('npm start', () => {
  it('brings three nodes up, says where they are and what to try, and takes all down on Ctrl-C', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    for (const number of [1, 2, 3]) {
      expect(await launcher.serves(number)).toBe(true);
      expect(launcher.text).toContain(`node${number}  http://localhost:${launcher.port + number - 1}`);
    }
    expect(launcher.text).toContain(`curl -X POST http://localhost:${launcher.port}/lock/acquire`);
    expect((await launcher.ports()).length).toBe(4);
    launcher.child.kill('SIGINT');
    // As npm does, which passes on what the terminal has sent to both.
    launcher.child.kill('SIGINT');
    expect(await launcher.child.exited).toEqual({ code: 0, signal: null });
    expect(launcher.log.at(-1)).toBe('Stopped.');
    expect(await launcher.ports()).toEqual([]);
  });

  it('starts a killed node again, which serves within two seconds of its start', async () => {
    const begin = performance.now();
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    // On a machine so busy that even the first start takes longer, that is the measure.
    const firstStartMs = performance.now() - begin;
    const before = await launcher.pidOf(2);
    process.kill(before, 'SIGKILL');
    await eventually(async () => ![0, before].includes(await launcher.pidOf(2)) && (await launcher.serves(2)), {
      what: 'node2 to serve again',
      timeoutMs: Math.max(2000, firstStartMs),
    });
    expect(launcher.text).toContain('node2 ended (killed by SIGKILL); it is started again');
  });

  it('starts a killed Redis again, with its data', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    const port = Number(/redis:\/\/127\.0\.0\.1:(\d+)/.exec(launcher.text)?.[1]);
    const pid = (await listener(port))?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await launcher.says('Redis ended (killed by SIGKILL); it is started again');
    for (const number of [1, 2, 3]) {
      await eventually(async () => await launcher.serves(number), { what: `node${number} to serve again` });
    }
    expect((await listener(port))?.pid).not.toBe(pid);
  });

  it('takes everything down even when it is killed, and starts on its data afterwards', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    launcher.child.kill('SIGKILL');
    await eventually(async () => (await launcher.ports()).length === 0, { what: 'every process to be gone' });
    const next = await Launcher.start({ port: launcher.port, data: launcher.data });
    await next.says('All nodes serve:');
    expect(next.text).toContain('data from last time');
  });

  it('is told at its second Ctrl-C to end at once', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    process.kill(await launcher.pidOf(1), 'SIGSTOP');
    process.kill(await launcher.pidOf(3), 'SIGSTOP');
    launcher.child.kill('SIGINT');
    await launcher.says('once more to stop at once');
    await eventually(
      () => {
        launcher.child.kill('SIGINT');
        return !launcher.child.running;
      },
      { what: 'the launcher to end' },
    );
    await eventually(async () => (await launcher.ports()).length === 0, { what: 'every process to be gone' });
  });

  it('refuses to run twice from one folder, and leaves the first alone', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    const second = await Launcher.start({ port: launcher.port, data: launcher.data });
    expect(await second.child.exited).toEqual({ code: 1, signal: null });
    expect(second.log).toEqual([
      `The cluster of this folder runs already (pid ${launcher.child.pid}): ` +
        [0, 1, 2].map((index) => `http://localhost:${launcher.port + index}`).join(', ') +
        `. Stop it with Ctrl-C where it was started, or with: kill ${launcher.child.pid}`,
    ]);
    expect(await launcher.serves(1)).toBe(true);
  });

  it('says which port is taken, and by what', async () => {
    const port = await reservePorts(3);
    const server = createServer((_, response) => response.end('hello'));
    server.listen(port + 1, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const launcher = await Launcher.start({ port });
    expect((await launcher.child.exited).code).toBe(1);
    const by = existsSync('/proc/net/tcp') ? `node (pid ${process.pid})` : 'another program';
    expect(launcher.text).toContain(`Port ${port + 1} is taken by ${by}.`);
    expect(launcher.text).toContain(`LOCAL_CLUSTER_PORT=${port + 1000} npm start`);
  });

  it('says which node of another folder has taken its port', async () => {
    const launcher = await Launcher.start();
    await launcher.says('All nodes serve:');
    const second = await Launcher.start({ port: launcher.port + 2 });
    expect((await second.child.exited).code).toBe(1);
    expect(second.text).toContain(`Port ${launcher.port + 2} is taken by node3 of a cluster that runs already`);
  });

  it('tells a wrong setting once', async () => {
    const launcher = await Launcher.start({ env: { REDIS_TIMEOUT_MS: 'soon' } });
    expect((await launcher.child.exited).code).toBe(1);
    expect(launcher.log).toEqual([
      'The environment does not fit:',
      '  REDIS_TIMEOUT_MS must be a whole number from 50 to 60000, not "soon"',
    ]);
    expect(existsSync(join(launcher.data, 'redis'))).toBe(false);
  });

  it('uses the Redis it is given and starts none', async () => {
    const first = await Launcher.start();
    await first.says('All nodes serve:');
    const url = /redis:\/\/127\.0\.0\.1:\d+/.exec(first.text)?.[0] ?? '';
    const second = await Launcher.start({ env: { REDIS_URL: url, LOCAL_CLUSTER_NODES: '1' } });
    await second.says('All nodes serve:');
    expect(existsSync(join(second.data, 'redis'))).toBe(false);
  });
});
