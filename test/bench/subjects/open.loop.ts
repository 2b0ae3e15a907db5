import type { TestRedis } from '../../cluster/index.js';
import type { Contender, Subject } from '../bench.js';
import { HttpLoad } from '../http.load.js';
import { startBareApp, type Server } from '../servers.js';
import { latencies } from '../statistics.js';
import { LIMIT, ONE_SET, PLAIN, Round, startServer, warmUp, type Times } from './routes.js';

const PER_SECOND = 1000;
const CONNECTIONS = 64;
const UNTIL_SENT = 'until it was sent';

/** Calls that come at a constant rate, answered or not: what a caller among many waits. */
export function openLoop(redis: TestRedis, { warmUpMs, forMs }: Times): Subject {
  const contender = (name: string, role: Contender['role'], startIt: () => Promise<Server>): Contender => ({
    name,
    role,
    start: async () => {
      const server = await startIt();
      const load = await HttpLoad.connect(server.port, CONNECTIONS);
      const { acquire, release } = new Round(role === 'product');
      await warmUp(load, warmUpMs, [acquire, release]);
      return {
        round: async () => {
          const round = new Round(role === 'product');
          const { sent, answered } = await load.open(round.acquire, PER_SECOND, forMs);
          await load.closed(round.release, Infinity);
          return { ...latencies(answered), ...latencies(sent, UNTIL_SENT) };
        },
        stop: async () => {
          load.close();
          await server.stop();
        },
      };
    },
  });
  return {
    name: `Latency of acquire at ${PER_SECOND} calls per second`,
    unit: 'ms',
    contenders: [
      contender('node', 'product', async () => await startServer(redis)),
      contender(PLAIN, 'control', async () => await startBareApp('plain')),
      contender(LIMIT, 'limit', async () => await startBareApp('together')),
      contender(ONE_SET, 'control', async () => await startBareApp(redis)),
    ],
    targets: [{ measure: 'p99', against: PLAIN, atMost: 1.5 }],
    rounds: 5,
    note:
      'From when a call was due until its answer, so that stalls count, those of the load generator too: how late it was, ' +
      'or found no free connection among its 64, is the part until the call was sent.',
  };
}
