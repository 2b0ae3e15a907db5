import { TestNode } from './test.node.js';
import { TestRedis } from './test.redis.js';

export interface ClusterOptions {
  /** How many nodes: node1, node2, .. */
  readonly nodes?: number;
  /** Settings of every node. */
  readonly env?: Readonly<Record<string, string>>;
  /** One to share with others; it is left running. Its own unless given. */
  readonly redis?: TestRedis;
  /** Whether the nodes are to hold back at first, as on a Redis that may have lost something. */
  readonly hold?: boolean;
}

/** Nodes as processes of their own on one Redis. */
export class TestCluster {
  readonly nodes: TestNode[] = [];

  private constructor(
    readonly redis: TestRedis,
    private readonly ownsRedis: boolean,
  ) {}

  /** Starts the nodes and waits until all are ready. */
  static async start({ nodes = 3, env, redis, hold = false }: ClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(redis ?? (await TestRedis.start()), redis === undefined);
    try {
      for (let number = 1; number <= nodes; number += 1)
        await cluster.create({ ...(hold && { EMPTY_REDIS_IS_NEW: 'false' }), ...env });
      await Promise.all(cluster.nodes.map((node) => node.start()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** @returns the node with that number, from 1 */
  node(number: number): TestNode {
    const node = this.nodes[number - 1];
    if (!node) throw new Error(`There is no node ${number} of ${this.nodes.length}`);
    return node;
  }

  /** Starts one more node. */
  async add(env?: Readonly<Record<string, string>>): Promise<TestNode> {
    const node = await this.create(env);
    await node.start();
    return node;
  }

  /** Ends every process and removes the data. */
  async stop(): Promise<void> {
    // What a test paused or left without Redis would only be waited for.
    await Promise.all(this.nodes.filter((node) => node.running).map((node) => node.kill()));
    if (this.ownsRedis) await this.redis.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async create(env?: Readonly<Record<string, string>>): Promise<TestNode> {
    const node = await TestNode.create({
      redisUrl: this.redis.url,
      nodeId: `node${this.nodes.length + 1}`,
      ...(env && { env }),
    });
    this.nodes.push(node);
    return node;
  }
}

/**
 * Starts a Redis and nodes and waits until all are ready.
 *
 * In a test: `await using cluster = await startCluster();` For a whole file:
 * `beforeAll(async () => { cluster = await startCluster(); return () => cluster.stop(); });`
 */
export async function startCluster(options?: ClusterOptions): Promise<TestCluster> {
  return await TestCluster.start(options);
}
