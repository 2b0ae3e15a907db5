import { setTimeout as pause } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { startCluster, type TestRedis } from '../../cluster/index.js';
import { WrongAnswer, type Contender, type Session, type Subject } from '../bench.js';
import { Connection, post } from '../http.load.js';
import { latencies } from '../statistics.js';
import { PING, REST_MS, redisRoundTrips, SCRIPT } from './redis.round.trip.js';

const OF = 'push to pop';

interface Channel {
  /** Waits for the next message. */
  take(): Promise<number>;
  give(number: number): Promise<void>;
}

/** One message after the other to one who waits for it already: from when the push is sent to the pop's answer. */
async function deliveries(channel: Channel, forMs: number): Promise<Record<string, number>> {
  const delays: number[] = [];
  const began = performance.now();
  for (let number = 0; performance.now() - began < forMs; number += 1) {
    let sent = 0;
    const taken = channel.take().then((came) => {
      if (came !== number || sent === 0) throw new WrongAnswer(`${came} came instead of ${number}`);
      delays.push(performance.now() - sent);
    });
    const given = pause(REST_MS).then(async () => {
      sent = performance.now();
      await channel.give(number);
    });
    await Promise.all([taken, given]);
  }
  return latencies(delays, OF);
}

async function nodes(redis: TestRedis, forMs: number): Promise<Session> {
  const cluster = await startCluster({ redis, nodes: 2 });
  const [pushing, popping] = [await Connection.open(cluster.node(1).port), await Connection.open(cluster.node(2).port)];
  const queue = 'deliveries';
  const channel: Channel = {
    take: async () => {
      let number = -1;
      await popping.make({
        request: post('/queue/pop', { queue, waitMs: 10_000 }),
        accept: (body, status) => {
          const { item } = JSON.parse(body) as { item?: { number?: number } | null };
          number = item?.number ?? -1;
          return status === 200 && number >= 0;
        },
      });
      return number;
    },
    give: (number) =>
      pushing.make({
        request: post('/queue/push', { queue, payload: { number } }),
        accept: (body, status) => status === 200 && body.startsWith('{"ok":true,"id":"'),
      }),
  };
  return {
    round: () => deliveries(channel, forMs),
    stop: async () => {
      pushing.close();
      popping.close();
      await cluster.stop();
    },
  };
}

function brpop(redis: TestRedis, forMs: number): Session {
  const [pushing, popping] = [new Redis(redis.url), new Redis(redis.url)];
  const channel: Channel = {
    take: async () => Number((await popping.brpop('list', 10))?.[1]),
    give: async (number) => {
      await pushing.lpush('list', number);
    },
  };
  return {
    round: () => deliveries(channel, forMs),
    stop: () => {
      pushing.disconnect();
      popping.disconnect();
      return Promise.resolve();
    },
  };
}

async function bullmq(redis: TestRedis, forMs: number): Promise<Session> {
  const connection = { url: redis.url };
  const queue = new Queue<{ number: number }>('deliveries', { connection, prefix: 'bullmq' });
  let came: (number: number) => void = () => undefined;
  const worker = new Worker<{ number: number }>(
    'deliveries',
    ({ data }) => {
      came(data.number);
      return Promise.resolve();
    },
    { connection, prefix: 'bullmq', removeOnComplete: { count: 0 } },
  );
  await worker.waitUntilReady();
  const channel: Channel = {
    take: () =>
      new Promise((resolve) => {
        came = resolve;
      }),
    give: async (number) => {
      await queue.add('bench', { number });
    },
  };
  return {
    round: () => deliveries(channel, forMs),
    stop: async () => {
      await worker.close(true);
      await queue.close();
    },
  };
}

/** A message to a pop that waits for it on another node. */
export function pushToPop(redis: TestRedis, forMs: number): Subject {
  const contender = (name: string, role: Contender['role'], start: () => Session | Promise<Session>): Contender => ({
    name,
    role,
    start: async () => await start(),
  });
  return {
    name: 'Push to a pop that waits on another node',
    unit: 'ms',
    contenders: [
      contender('two nodes', 'product', () => nodes(redis, forMs)),
      ...redisRoundTrips(redis, [OF], forMs),
      contender('Redis LPUSH to BRPOP', 'limit', () => brpop(redis, forMs)),
      contender('BullMQ Worker', 'rival', () => bullmq(redis, forMs)),
    ],
    targets: [PING, SCRIPT].map((against) => ({ measure: `p50, ${OF}`, against, atMost: 4 })),
    rounds: 5,
  };
}
