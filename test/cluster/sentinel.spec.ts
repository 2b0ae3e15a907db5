import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { Child } from '#lib/process';
import { findRedisServer } from '#lib/redis';
import {
  eventually,
  makeCertificate,
  makeDirectory,
  reservePorts,
  startNode,
  TestNode,
  type Certificate,
} from './index.js';

const NAME = 'the-primary';
/** Of Redis and of the Sentinels, where they ask for one. */
const PASSWORDS = { redis: 'redis-p4ss', sentinel: 'sentinel-p4ss' };

/** A primary, its replica, and the Sentinels that watch them. */
class WatchedRedis {
  readonly #children = new Map<number, Child>();

  private constructor(
    readonly primary: number,
    readonly replica: number,
    private readonly sentinels: readonly number[],
    private readonly tls: Certificate | undefined,
  ) {}

  /**
   * @param guarded whether they speak only TLS and ask for passwords
   * @param quorum how many Sentinels must agree that the primary is dead
   * @param watching how many there are
   */
  static async start(guarded: boolean, quorum: number, watching: number): Promise<WatchedRedis> {
    const [primary, replica] = [await reservePorts(1), await reservePorts(1)];
    const sentinels: number[] = [];
    while (sentinels.length < watching) sentinels.push(await reservePorts(1));
    const redis = new WatchedRedis(primary, replica, sentinels, guarded ? await makeCertificate() : undefined);
    const own = guarded ? [`requirepass ${PASSWORDS.redis}`, `masterauth ${PASSWORDS.redis}`] : [];
    const durable = ['save ""', 'appendonly yes', 'appendfsync always', 'repl-diskless-sync-delay 0', ...own];
    await redis.#launch(primary, durable);
    await redis.#launch(replica, [...durable, `replicaof 127.0.0.1 ${primary}`]);
    await redis.#untilItSays(replica, 'info replication', 'master_link_status:up');
    const watch = [
      `sentinel monitor ${NAME} 127.0.0.1 ${primary} ${quorum}`,
      `sentinel down-after-milliseconds ${NAME} 1000`,
      ...(guarded ? [`sentinel auth-pass ${NAME} ${PASSWORDS.redis}`, `requirepass ${PASSWORDS.sentinel}`] : []),
    ];
    for (const sentinel of sentinels) await redis.#launch(sentinel, watch, ['--sentinel']);
    for (const sentinel of sentinels) {
      await redis.#untilItSays(sentinel, `sentinel replicas ${NAME}`, 'master-link-status,ok');
      await redis.#untilItSays(sentinel, `sentinel master ${NAME}`, `num-other-sentinels,${watching - 1}`);
    }
    return redis;
  }

  /** What a node is told of it. The first Sentinel is one that is not there. */
  get settings() {
    return {
      redisUrl: this.tls ? `rediss://:${PASSWORDS.redis}@${NAME}` : `redis://${NAME}`,
      env: {
        REDIS_SENTINELS: [1, ...this.sentinels].map((port) => `127.0.0.1:${port}`).join(),
        ...(this.tls && {
          REDIS_SENTINEL_PASSWORD: PASSWORDS.sentinel,
          NODE_EXTRA_CA_CERTS: this.tls.certificate,
        }),
      },
    };
  }

  /** Sends one of them one command. */
  async ask(port: number, command: string): Promise<unknown> {
    const [name = '', ...args] = command.split(' ');
    const password = this.sentinels.includes(port) ? PASSWORDS.sentinel : PASSWORDS.redis;
    const redis = new Redis(port, '127.0.0.1', {
      retryStrategy: () => null,
      ...(this.tls && { password, tls: { rejectUnauthorized: false } }),
    });
    redis.on('error', () => undefined);
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  /** Makes the replica the primary, while both are well. */
  async failOver(): Promise<void> {
    await this.ask(this.sentinels[0] ?? 0, `sentinel failover ${NAME}`);
  }

  /** The nodes that have a connection to one of the two, by the names that they give it. */
  async nodesAt(port: number): Promise<string[]> {
    const list = (await this.ask(port, 'client list')) as string;
    return [...new Set([...list.matchAll(/ name=sync:(\w+):/g)].map(([, node = '']) => node))].sort();
  }

  /** With a Sentinel, as if they were on one machine: the two that are left have to agree. */
  killPrimary(): void {
    for (const port of [this.primary, this.sentinels[0] ?? 0]) this.#children.get(port)?.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop(5000)));
  }

  async #launch(port: number, lines: string[], args: string[] = []): Promise<void> {
    const { file, argv0 } = await findRedisServer();
    const directory = makeDirectory();
    const config = join(directory, 'redis.conf');
    const listens = this.tls
      ? [
          `port 0`,
          `tls-port ${port}`,
          'tls-replication yes',
          'tls-auth-clients no',
          `tls-cert-file ${this.tls.certificate}`,
          `tls-key-file ${this.tls.key}`,
          `tls-ca-cert-file ${this.tls.certificate}`,
        ]
      : [`port ${port}`];
    writeFileSync(config, [...listens, 'bind 127.0.0.1', `dir ${directory}`, ...lines, ''].join('\n'));
    this.#children.set(port, await Child.start({ file, argv0, args: [config, ...args] }));
  }

  async #untilItSays(port: number, command: string, expected: string): Promise<void> {
    await eventually(async () => String(await this.ask(port, command)).includes(expected), {
      what: `${port} to say ${expected}`,
      timeoutMs: 20_000,
    });
  }
}

it.each([
  ['another Redis is made the primary', false, 1, 1],
  ['the primary dies, and one of three Sentinels with it, with passwords and TLS', true, 2, 3],
])(
  'nodes ask the Sentinels for the primary, and follow where %s',
  async (_, guarded, quorum, watching) => {
    await using redis = await WatchedRedis.start(guarded, quorum, watching);
    const { redisUrl, env } = redis.settings;
    const settings = { redisUrl, env: { ...env, LOCK_GRACE_MAX_MS: '1000' } };
    await using first = await startNode({ ...settings, nodeId: 'node1' });
    await using second = await startNode({ ...settings, nodeId: 'node2' });
    const [all, nobody] = [['node1', 'node2'], []];
    expect([await redis.nodesAt(redis.primary), await redis.nodesAt(redis.replica)]).toEqual([all, nobody]);
    expect((await first.post('/queue/push', { queue: 'kept', payload: 1 })).body).toMatchObject({ ok: true });
    await eventually(async () => (await redis.ask(redis.primary, 'wait 1 1000')) === 1, {
      what: 'the replica to have it',
    });

    await using lost = await TestNode.create({
      ...settings,
      redisUrl: redisUrl.replace(NAME, 'another'),
      nodeId: 'lost',
    });
    await lost.launch();
    await eventually(() => lost.log().some((line) => /Redis is away: .*No such master with that name/.test(line)), {
      what: 'a node to say that nobody knows the primary by that name',
      timeoutMs: 15_000,
    });

    if (guarded) redis.killPrimary();
    else await redis.failOver();
    const acquire = { name: 'after', mode: 'exclusive', owner: 'me' };
    await eventually(
      async () => {
        const connected = await redis.nodesAt(redis.replica);
        if (connected.join() !== all.join()) return false;
        const answers = [await first.post('/lock/acquire', acquire), await second.post('/lock/acquire', acquire)];
        return answers.every(({ status }) => status === 200);
      },
      { what: 'both nodes to serve from the new primary', timeoutMs: 20_000 },
    );
    // The former one, where it lives, would for some seconds take what they sent there, and lose it.
    if (!guarded) {
      expect(await redis.ask(redis.primary, 'role')).toContain('master');
      expect(await redis.nodesAt(redis.primary)).toEqual(nobody);
    }
    expect((await second.post('/queue/pop', { queue: 'kept' })).body).toMatchObject({ ok: true, item: 1 });
    expect(await redis.ask(redis.replica, 'role')).toContain('master');

    for (const node of [first, second, lost]) {
      await node.stop();
      const log = node.log();
      for (const line of log) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
      for (const secret of Object.values(PASSWORDS)) expect(log.join('\n')).not.toContain(secret);
    }
  },
  60_000,
);
