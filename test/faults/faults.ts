import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Chance } from '../chance.js';
import type { Direction, Proxy } from './proxy.js';
import { start, type Rig } from './rig.js';

export const SERVICES = ['locks', 'queues', 'cache'] as const;
export type Service = (typeof SERVICES)[number];

/** Something that goes wrong. */
export interface Fault {
  readonly name: string;
  /** For the report: what is done. */
  readonly what: string;
  /** Whether it takes away what the services keep, so that little is promised of what was there before. */
  readonly loses?: boolean;
  /** Lets it happen once, and returns when all is well again. */
  readonly inject: (rig: Rig, chance: Chance) => Promise<void>;
}

const isLease = (name: string | undefined) => name === 'lease';

function onLink(name: string, what: string, harm: (link: Proxy, chance: Chance) => Promise<void>): Fault {
  return {
    name,
    what,
    inject: (rig, chance) => rig.onNode(name, chance, ({ link }) => harm(link, chance)),
  };
}

/** Holds what goes one way, the other or both; then it arrives late, or never. */
async function halfOpen(link: Proxy, chance: Chance, which?: (name: string | undefined) => boolean): Promise<void> {
  const ways: readonly (readonly Direction[])[] = [['to Redis'], ['from Redis'], ['to Redis', 'from Redis']];
  link.hold(chance.of(ways), which);
  await pause(300 + chance.below(3500));
  link.heal(chance.happens(0.5));
}

export const faults: readonly Fault[] = [
  {
    name: 'kill-node',
    what: 'kill -9 of a node, started again after up to 0.5 s',
    inject: (rig, chance) =>
      rig.onNode('kill-node', chance, async ({ node }) => {
        await node.kill('SIGKILL');
        await pause(chance.below(500));
        await start(node);
      }),
  },
  {
    name: 'pause-node',
    what: 'SIGSTOP of a node for 2 to 4 s, longer than its lease, then SIGCONT',
    inject: (rig, chance) =>
      rig.onNode('pause-node', chance, async ({ node }) => {
        node.pause();
        await pause(2000 + chance.below(2000));
        node.resume();
      }),
  },
  {
    name: 'restart-all',
    what: 'all nodes stopped (SIGTERM, or SIGKILL) and started again, one after the other',
    inject: async (rig, chance) => {
      for (const member of rig.members) {
        if (member.busy) continue;
        member.busy = true;
        const incident = rig.incidents.begin({ fault: 'restart-all', nodes: [member.node.id] });
        try {
          await (chance.happens(0.7) ? member.node.stop() : member.node.kill());
          await start(member.node);
          incident.over();
        } finally {
          member.busy = false;
        }
      }
    },
  },
  onLink('cut-link', "a node's connections to Redis reset, and refused for up to 1.5 s", async (link, chance) => {
    link.cut();
    await pause(chance.below(1500));
    link.heal();
  }),
  onLink(
    'half-open-link',
    'what a node sends to Redis, what it is to hear, or both, held for 0.3 to 3.8 s; then late or reset',
    (link, chance) => halfOpen(link, chance),
  ),
  onLink('subscriber', 'the same, or a reset, of the connection for lease and messages alone', async (link, chance) => {
    if (chance.happens(0.4)) link.cut(isLease);
    else await halfOpen(link, chance, isLease);
  }),
  onLink('slow-link', 'every piece 20 to 220 ms late, each way, for 1 to 3 s', async (link, chance) => {
    link.slow(20 + chance.below(200));
    await pause(1000 + chance.below(2000));
    link.heal();
  }),
  {
    name: 'clock-step',
    what: "a node's clock on the wall set forward or back, by 0.3 s to 30 days",
    inject: (rig, chance) =>
      rig.onNode('clock-step', chance, async ({ node }) => {
        await node.kill('SIGUSR2');
        // It shows with the next renewal of the lease.
        await pause(400);
      }),
  },
  {
    name: 'kill-redis',
    what: 'kill -9 of Redis (`appendfsync always`), started again with its data after up to 0.5 s',
    inject: (rig, chance) =>
      rig.onRedis('kill-redis', false, async (redis) => {
        await redis.kill('SIGKILL');
        await pause(chance.below(500));
        await redis.restart();
      }),
  },
  {
    name: 'pause-redis',
    what: 'SIGSTOP of Redis for 0.2 to 3.2 s, then SIGCONT',
    inject: (rig, chance) =>
      rig.onRedis('pause-redis', false, async (redis) => {
        redis.pause();
        await pause(200 + chance.below(3000));
        redis.resume();
      }),
  },
  {
    name: 'client-kill',
    what: 'CLIENT KILL of a connection of some node',
    inject: (rig, chance) => withAdmin(rig, (admin) => killOne(rig, chance, admin)),
  },
  {
    name: 'script-flush',
    what: 'FUNCTION FLUSH and SCRIPT FLUSH',
    // Nothing is to be noticed of it, so it is no incident for anyone.
    inject: (rig) =>
      withAdmin(rig, async (admin) => {
        const incident = rig.incidents.begin({ fault: 'script-flush', nodes: [] });
        await Promise.all([admin.function('FLUSH'), admin.script('FLUSH')]);
        incident.over();
        await pause(100);
      }),
  },
  {
    name: 'lose-redis',
    what: 'kill -9 of Redis, started again without any of its data',
    loses: true,
    inject: (rig, chance) =>
      rig.onRedis('lose-redis', true, async (redis) => {
        await redis.kill('SIGKILL');
        await pause(chance.below(500));
        await redis.restart({ empty: true });
      }),
  },
];

async function withAdmin(rig: Rig, use: (admin: Redis) => Promise<void>): Promise<void> {
  const admin = new Redis(rig.redis.url);
  admin.on('error', () => undefined);
  try {
    await use(admin);
  } catch (error) {
    // Another fault may have taken Redis away just now.
    if (!rig.redisBusy) throw error;
  } finally {
    admin.disconnect();
  }
}

async function killOne(rig: Rig, chance: Chance, admin: Redis): Promise<void> {
  const clients = String(await admin.client('LIST')).split('\n');
  await rig.onNode('client-kill', chance, async ({ node }) => {
    const ids = clients.flatMap((line) =>
      line.includes(`name=sync:${node.id}:`) ? (/id=(\d+)/.exec(line)?.[1] ?? []) : [],
    );
    if (ids.length > 0) await admin.client('KILL', 'ID', chance.of(ids));
    await pause(50);
  });
}
