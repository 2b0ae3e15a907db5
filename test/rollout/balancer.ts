import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Child } from '#lib/process';
import { eventually, makeDirectory, reservePorts, type TestNode } from '../cluster/index.js';
import type { Program } from '../tools/debian.program.js';

const CONFIGURATION = fileURLToPath(new URL('../../docs/haproxy.cfg', import.meta.url));

/** What HAProxy says of a server, a backend or a frontend: column by name (`show stat` in its management guide). */
type Row = Readonly<Record<string, string>>;

/** HAProxy with the configuration of docs/haproxy.cfg in front of three nodes; only addresses and pace are the test's. */
export class Balancer {
  private constructor(
    private readonly process: Child,
    readonly url: string,
    private readonly socket: string,
  ) {}

  static async start(program: Program, nodes: readonly TestNode[]): Promise<Balancer> {
    const port = await reservePorts(1);
    const socket = join(makeDirectory(), 'stats.sock');
    const addresses = nodes.map((node, index) => [`NODE${index + 1}`, `127.0.0.1:${node.port}`]);
    const process = await Child.start({
      file: program.file,
      args: ['-db', '-f', CONFIGURATION],
      env: {
        ...program.env,
        ...(Object.fromEntries(addresses) as Record<string, string>),
        LISTEN: `127.0.0.1:${port}`,
        CHECK_INTERVAL: '200ms',
        STATS_SOCKET: socket,
      },
    });
    const balancer = new Balancer(process, `http://127.0.0.1:${port}`, socket);
    await eventually(() => balancer.rows(), { what: 'HAProxy to run' });
    return balancer;
  }

  /** Everything that HAProxy counts. */
  async rows(): Promise<Row[]> {
    const socket = connect(this.socket);
    await once(socket, 'connect');
    socket.end('show stat\n');
    const [head = '', ...lines] = (await text(socket)).trim().split('\n');
    const names = head.replace('# ', '').split(',');
    return lines.map((line) => {
      const values = line.split(',');
      return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
    });
  }

  /** Waits until HAProxy sends requests to a node. */
  async untilUp(node: TestNode): Promise<void> {
    await eventually(async () => (await this.rows()).find(({ svname }) => svname === node.id)?.['status'] === 'UP', {
      what: `HAProxy to send requests to ${node.id}`,
      timeoutMs: 15_000,
    });
  }

  async stop(): Promise<void> {
    await this.process.stop(5000);
  }
}
