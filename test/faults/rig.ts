import { fileURLToPath } from 'node:url';
import type { Chance } from '../chance.js';
import { eventually, startRedis, TestNode, type TestRedis } from '../cluster/index.js';
import { IncidentLog, type Ongoing } from './incidents.js';
import { Proxy } from './proxy.js';
import { Witness } from './witness.js';

const CLOCK = fileURLToPath(new URL('clock.mjs', import.meta.url));
/** Something is wrong with the campaign itself where this is not enough. */
const SERVES_MS = 60_000;

/** The longest lease that clients of the campaign ask for. */
export const LONGEST_LEASE_MS = 3000;

export interface RigOptions {
  /** Files that are loaded in every node before anything of its own: a known fault. */
  readonly preloads?: readonly string[];
}

/** A node, its own link to Redis, and whether a fault is at work on it. */
export interface Member {
  readonly node: TestNode;
  readonly link: Proxy;
  busy: boolean;
}

/** What the campaign breaks: a Redis and three nodes, each behind a link of its own. */
export class Rig {
  /** What is going wrong in this round. */
  incidents = new IncidentLog();
  redisBusy = false;
  #witness: Witness | undefined;

  private constructor(
    readonly redis: TestRedis,
    readonly members: readonly Member[],
  ) {}

  static async start({ preloads = [] }: RigOptions = {}): Promise<Rig> {
    const redis = await startRedis();
    const members: Member[] = [];
    for (const number of [1, 2, 3]) {
      const link = await Proxy.start(redis.port);
      const env = {
        // Nobody else's word for it that a Redis without data is a new one: it may have lost them.
        EMPTY_REDIS_IS_NEW: 'false',
        LOCK_GRACE_MAX_MS: String(LONGEST_LEASE_MS + 500),
        LOG_LEVEL: 'warn',
        NODE_OPTIONS: [CLOCK, ...preloads].map((file) => `--import=${file}`).join(' '),
        // One that has to let go of copies all the time.
        ...(number === 3 && { CACHE_MAX_LINES: '3' }),
      };
      const node = await TestNode.create({ redisUrl: link.url, nodeId: `node${number}`, env });
      members.push({ node, link, busy: false });
    }
    const rig = new Rig(redis, members);
    try {
      await Promise.all(rig.nodes.map(start));
      rig.#witness = await Witness.start(
        () => rig.incidents,
        rig.nodes.map(({ id }) => id),
      );
    } catch (error) {
      await rig.stop();
      throw error;
    }
    return rig;
  }

  get nodes(): readonly TestNode[] {
    return this.members.map(({ node }) => node);
  }

  /** Does something to a node that no other fault is at work on, and waits until it serves again. */
  async onNode(
    fault: string,
    chance: Chance,
    harm: (member: Member, incident: Ongoing) => Promise<void>,
  ): Promise<void> {
    const free = this.members.filter(({ busy }) => !busy);
    if (free.length === 0) return;
    const member = chance.of(free);
    member.busy = true;
    const incident = this.incidents.begin({ fault, nodes: [member.node.id] });
    try {
      await harm(member, incident);
      incident.healed();
      await serves(member.node);
      incident.over();
    } finally {
      member.busy = false;
    }
  }

  /** Does something to Redis unless another fault is at work on it, and waits until every node serves again. */
  async onRedis(
    fault: string,
    loss: boolean,
    harm: (redis: TestRedis, incident: Ongoing) => Promise<void>,
  ): Promise<void> {
    if (this.redisBusy) return;
    this.redisBusy = true;
    const incident = this.incidents.begin({ fault, nodes: this.nodes.map(({ id }) => id), redis: true, loss });
    try {
      await harm(this.redis, incident);
      incident.healed();
      // Those that another fault is at work on have their own incident.
      await Promise.all(this.members.filter(({ busy }) => !busy).map(({ node }) => serves(node)));
      incident.over();
    } finally {
      this.redisBusy = false;
    }
  }

  /**
   * Waits until every node serves everything.
   * @throws Error where one does not, or has ended by itself
   */
  async serve(): Promise<void> {
    for (const node of this.nodes) {
      if (node.running) continue;
      const log = node.log().slice(-20);
      throw new Error([`${node.id} ended by itself (${JSON.stringify(await node.exited)})`, ...log].join('\n'));
    }
    await Promise.all(this.nodes.map(serves));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => node.running).map((node) => node.kill()));
    await Promise.all(this.members.map(({ link }) => link.stop()));
    await this.redis.stop();
    await this.#witness?.stop();
  }
}

/** Starts a node and waits until it is ready, however busy this machine is. */
export async function start(node: TestNode): Promise<void> {
  await node.launch();
  await node.ready(SERVES_MS);
}

/** Waits until the node is ready and does what each service may hold back after a fault. */
async function serves(node: TestNode): Promise<void> {
  await eventually(
    async () => {
      if (!node.running) return true;
      const options = { signal: AbortSignal.timeout(2000) };
      const answers = await Promise.all([
        node.get('/health', options),
        node.post('/lock/release', { name: 'serves', owner: 'nobody' }, options),
        node.post('/queue/pop', { queue: 'serves' }, options),
        node.get('/cache/read?key=serves', options),
      ]);
      return answers.every(({ status }) => status === 200);
    },
    { what: `${node.id} to serve everything`, timeoutMs: SERVES_MS },
  );
}
