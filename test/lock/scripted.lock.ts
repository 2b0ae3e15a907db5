import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisArgument, LuaScript } from '#lib/redis';
import { LockKeys } from '../../libs/lock/lock.keys.js';
import { LockStore, type Caller, type Stepped } from '../../libs/lock/lock.store.js';

export interface Message {
  readonly instance: string;
  readonly kind: string;
  readonly fields: string[];
}

/** A lock as its keys hold it. */
export interface LockDump {
  readonly now: number;
  readonly offset: number;
  readonly holds: Map<string, { words: string[]; score: number | undefined }>;
  readonly places: Map<string, { words: string[]; score: number | undefined }>;
}

/** The scripts of locks without any node: whoever calls is made up, and what they say to nodes is collected. */
export class ScriptedLocks {
  readonly #ear: Redis;
  readonly #messages: Message[] = [];
  #spoken = 0;

  private constructor(
    readonly redis: Redis,
    private readonly prefix: string,
    ear: Redis,
  ) {
    this.#ear = ear;
    ear.on('pmessage', (_pattern, channel, text) => {
      const [kind = '', ...fields] = JSON.parse(text) as string[];
      this.#messages.push({ instance: channel.slice(this.channel.length), kind, fields });
    });
  }

  static async open(url: string, prefix: string): Promise<ScriptedLocks> {
    const [redis, ear] = [new Redis(url), new Redis(url)];
    const locks = new ScriptedLocks(redis, prefix, ear);
    await ear.psubscribe(`${prefix}:channel:*`);
    return locks;
  }

  get channel(): string {
    return `${this.prefix}:channel:`;
  }

  get keys(): LockKeys {
    return new LockKeys(this.prefix);
  }

  store(
    caller: Caller,
    onStepped: (stepped: Stepped) => void = () => undefined,
    bounds = { LOCK_OFFER_MS: 2000, LOCK_MAX_WAITERS: 10_000 },
    channel = this.channel,
  ): LockStore {
    return new LockStore(
      (script, keys, args) => this.run(script, keys, args),
      this.keys,
      channel,
      caller,
      bounds,
      onStepped,
    );
  }

  async run<Answer>(script: LuaScript<Answer>, keys: string[], args: RedisArgument[]): Promise<Answer> {
    try {
      return (await this.redis.evalsha(script.sha1, script.numberOfKeys, ...keys, ...args)) as Answer;
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return (await this.redis.eval(script.text, script.numberOfKeys, ...keys, ...args)) as Answer;
    }
  }

  /** Lets lock time pass, by the lock's own way of keeping it. */
  async advance(name: string, ms: number): Promise<void> {
    const [lock = ''] = this.keys.of(name);
    if ((await this.redis.exists(lock)) === 1) await this.redis.hincrby(lock, 'offset', ms);
  }

  async dump(name: string): Promise<LockDump> {
    const [lock = '', holds = '', deadlines = '', queue = '', places = ''] = this.keys.of(name);
    const [fields, h, w, d, q] = await Promise.all([
      this.redis.hgetall(lock),
      this.redis.hgetall(holds),
      this.redis.hgetall(places),
      this.redis.zrange(deadlines, '0', '-1', 'WITHSCORES'),
      this.redis.zrange(queue, '0', '-1', 'WITHSCORES'),
    ]);
    return {
      now: Number(fields['last'] ?? 0),
      offset: Number(fields['offset'] ?? 0),
      holds: withScores(h, d),
      places: withScores(w, q),
    };
  }

  /** What was told since the last time. */
  async messages(): Promise<Message[]> {
    const last = String((this.#spoken += 1));
    const channel = `${this.channel}end`;
    const heard = (message: Message) => message.kind === 'end' && message.fields[0] === last;
    await this.redis.publish(channel, JSON.stringify(['end', last]));
    while (!this.#messages.some(heard)) await once(this.#ear, 'pmessage');
    return this.#messages.splice(0).filter(({ kind }) => kind !== 'end');
  }

  close(): void {
    this.redis.disconnect();
    this.#ear.disconnect();
  }
}

function withScores(
  hash: Record<string, string>,
  scores: string[],
): Map<string, { words: string[]; score: number | undefined }> {
  const merged = new Map<string, { words: string[]; score: number | undefined }>();
  for (const [owner, text] of Object.entries(hash)) merged.set(owner, { words: text.split(' '), score: undefined });
  for (let i = 0; i + 1 < scores.length; i += 2) {
    const owner = scores[i] ?? '';
    merged.set(owner, { words: merged.get(owner)?.words ?? [], score: Number(scores[i + 1]) });
  }
  return merged;
}
