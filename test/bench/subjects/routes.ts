import { startNode, type TestRedis } from '../../cluster/index.js';
import type { Contender, Sample, Session, Subject } from '../bench.js';
import { get, HttpLoad, post, type NextCall } from '../http.load.js';
import { cpuSeconds } from '../process.usage.js';
import { startBareApp, type Server } from '../servers.js';
import { etcd, webdis } from './other.servers.js';

const OWNER = 'bench';
const LINES = 100;
export const LIMIT = 'bare route, answers together';
export const PLAIN = 'bare route';
export const ONE_SET = 'bare route, one SET in Redis';
const HOT_SIX = ['acquire', 'release', 'push', 'pop', 'write', 'read'];

/** How long a server is called in each way before it is measured, and in a round. */
export interface Times {
  readonly warmUpMs: number;
  readonly forMs: number;
}

/** What the calls of a round need to know of each other. */
export class Round {
  static #number = 0;
  readonly #name = `round ${Round.#number++}`;
  readonly #tokens: [name: string, token: number][] = [];
  readonly #popped = new Set<number>();
  #acquired = 0;
  #pushed = 0;
  #toPop = 0;
  #written = 0;
  #read = 0;

  /** @param real false for a bare route, whose answers are right in form alone */
  constructor(private readonly real: boolean) {}

  readonly acquire: NextCall = () => {
    const name = `${this.#name}, lock ${this.#acquired++}`;
    return {
      request: post('/lock/acquire', { name, owner: OWNER, mode: 'exclusive', leaseMs: 60_000 }),
      accept: (body, status) => {
        const { ok, token } = JSON.parse(body) as { ok: unknown; token: unknown };
        if (typeof token !== 'number') return false;
        this.#tokens.push([name, token]);
        return status === 200 && ok === true;
      },
    };
  };

  readonly release: NextCall = () => {
    const held = this.#tokens.pop();
    if (!held) return undefined;
    const [name, token] = held;
    return { request: post('/lock/release', { name, owner: OWNER, token }), accept: isExactly('{"ok":true}') };
  };

  readonly push: NextCall = () => {
    const payload = { number: this.#pushed++ };
    return {
      request: post('/queue/push', { queue: this.#name, payload }),
      accept: (body, status) => {
        this.#toPop += 1;
        return status === 200 && body.startsWith('{"ok":true,"id":"');
      },
    };
  };

  readonly pop: NextCall = () => {
    if (this.#toPop === 0) return undefined;
    this.#toPop -= 1;
    return {
      request: post('/queue/pop', { queue: this.#name }),
      accept: (body, status) => {
        const { item } = JSON.parse(body) as { item?: { number: number } };
        const number = item?.number ?? -1;
        const known = number >= 0 && number < this.#pushed;
        const again = this.#popped.has(number);
        this.#popped.add(number);
        return status === 200 && known && (!again || !this.real);
      },
    };
  };

  readonly write: NextCall = () => {
    const number = this.#written++;
    return {
      request: post('/cache/write', { key: `line ${number % LINES}`, value: { number } }),
      accept: (body, status) => status === 200 && /^\{"ok":true,"version":\d{16}\}$/.test(body),
    };
  };

  readonly read: NextCall = () => {
    const line = this.#read++ % LINES;
    const numberOfLine = this.real ? (number: number) => number % LINES === line : () => true;
    return {
      request: get(`/cache/read?key=line%20${line}`),
      accept: (body, status) => {
        const found = /^\{"ok":true,"value":\{"state":"[MES]","value":\{"number":(\d+)\}\}\}$/.exec(body);
        return status === 200 && found !== null && numberOfLine(Number(found[1]));
      },
    };
  };
}

function isExactly(text: string) {
  return (body: string, status: number) => status === 200 && body === text;
}

/**
 * Makes a server compile what it runs often, which V8 does by and by: thousands of calls cost half more before, and the
 * more code there is behind a route the longer.
 * @param forMs for each of the calls
 */
export async function warmUp(load: HttpLoad, forMs: number, calls: readonly NextCall[]): Promise<void> {
  for (const next of calls) await load.closed(next, forMs);
}

async function session(server: Server, connections: number, times: Times, real: boolean): Promise<Session> {
  const { forMs, warmUpMs } = times;
  const load = await HttpLoad.connect(server.port, connections);
  const { acquire, release, push, pop, write, read } = new Round(real);
  await load.closed(limited(write, LINES), Infinity);
  await warmUp(load, warmUpMs, [acquire, release, push, pop, write, read]);
  return {
    round: async () => {
      const round = new Round(real);
      const sample: Record<string, number> = {};
      const timed = async (name: string, next: NextCall, limitMs: number) => {
        const cpuBefore = cpuSeconds(server.pid);
        const began = performance.now();
        const rate = await load.closed(next, limitMs);
        const calls = (rate * (performance.now() - began)) / 1000;
        sample[name] = rate;
        sample[`${name}: calls per CPU second of the server`] = calls / (cpuSeconds(server.pid) - cpuBefore);
      };
      await timed('acquire', round.acquire, forMs);
      await timed('release', round.release, Infinity);
      await timed('push', round.push, forMs);
      await timed('pop', round.pop, Infinity);
      await timed('write', round.write, forMs);
      await timed('read', round.read, forMs);
      return sample satisfies Sample;
    },
    stop: async () => {
      load.close();
      await server.stop();
    },
  };
}

function limited(next: NextCall, most: number): NextCall {
  let made = 0;
  return () => (made++ < most ? next() : undefined);
}

/** The six calls that are made most, over HTTP. */
export function routes(redis: TestRedis, connections: number, times: Times): Subject {
  const { forMs } = times;
  const bare = (name: string, role: Contender['role'], variant: Parameters<typeof startBareApp>[0]): Contender => ({
    name,
    role,
    start: async () => await session(await startBareApp(variant), connections, times, false),
  });
  const contenders: Contender[] = [
    {
      name: 'node',
      role: 'product',
      start: async () => await session(await startServer(redis), connections, times, true),
    },
    bare(PLAIN, 'control', 'plain'),
    bare(LIMIT, 'limit', 'together'),
    bare(ONE_SET, 'control', redis),
    etcd(connections, forMs),
    webdis(redis, connections, forMs),
  ];
  const targets = HOT_SIX.flatMap((measure) => [
    { measure, against: LIMIT, atLeast: measure === 'read' ? 0.95 : 0.9 },
    { measure, against: PLAIN, atLeast: 1 },
  ]);
  return {
    name: `Routes, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    unit: '/s',
    contenders,
    targets: connections === 32 ? [...targets, { measure: 'acquire', against: 'etcd', atLeast: 4 }] : [],
  };
}

/** The product as it is deployed. */
export async function startServer(redis: TestRedis): Promise<Server> {
  const node = await startNode({
    redisUrl: redis.url,
    nodeId: 'node1',
    env: { LOG_LEVEL: 'warn', KEEP_ALIVE_MS: '600000' },
  });
  return {
    port: node.port,
    pid: node.pid,
    stop: async () => {
      await node.stop();
    },
  };
}
