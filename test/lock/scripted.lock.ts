import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisArgument, LuaScript } from '#lib/redis';
import { LockKeys } from '../../libs/lock/lock.keys.js';
import { listScript, scripts, waitsScript } from '../../libs/lock/lock.scripts.js';
import { LockStore, type Caller, type Stepped } from '../../libs/lock/lock.store.js';

export interface Message {
  readonly instance: string;
  readonly kind: string;
  readonly fields: string[];
}

/** A caller that is no node: it has no places, and nobody knows it. */
export function bystander(instance = 'none'): Caller {
  return {
    instance,
    nodeId: instance,
    epoch: () => 0,
    snapshot: () => '0',
    floor: () => 0,
    grants: () => true,
  };
}

/** A lock as its keys hold it. */
export interface LockDump {
  readonly now: number;
  readonly offset: number;
  readonly holds: Map<string, { words: string[]; score: number | undefined }>;
  readonly places: Map<string, { words: string[]; score: number | undefined }>;
  /** Those of its keys that exist, each with the ms until it expires; -1 for never. */
  readonly lives: Map<(typeof KINDS)[number], number>;
  /** When the entries of the lock and of owners in the indices are over, by Redis's clock; undefined if there is none. */
  readonly entry: number | undefined;
  readonly entries: Map<string, number | undefined>;
}

const KINDS = ['lock', 'holds', 'deadlines', 'queue', 'places', 'watchers'] as const;

/** Everything of a lock at one moment. Entries of indices: '-' none, '?' one that is never over. */
const DUMP = `
  local lives = {}
  for i = 1, 6 do lives[i] = redis.call('PTTL', KEYS[i]) end
  local function entry(index, kind, text)
    if not redis.call('ZSCORE', index, text) then return '-' end
    return redis.call('ZSCORE', KEYS[9], kind .. text) or '?'
  end
  local entries = {}
  for i = 2, #ARGV do entries[i - 1] = entry(KEYS[8], 'o', ARGV[i]) end
  return {
    redis.call('HMGET', KEYS[1], 'last', 'offset'), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[5]),
    redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'), redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES'), lives,
    entry(KEYS[7], 'n', ARGV[1]), entries,
  }`;
type Dumped = [
  fields: (string | null)[],
  holds: string[],
  places: string[],
  deadlines: string[],
  queue: string[],
  lives: number[],
  entry: string,
  entries: string[],
];

const overAt = (text = '-') => (text === '-' ? undefined : text === '?' ? NaN : Number(text));

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
    // Then what is sent one after the other is also done so.
    const all = [...Object.values(scripts).map(({ script }) => script), listScript, waitsScript];
    await Promise.all(all.map(({ text }) => redis.function('LOAD', text).catch(unlessThere)));
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
    return (await this.redis.fcall(script.library, script.numberOfKeys, ...keys, ...args)) as Answer;
  }

  /** Lets lock time pass, by the lock's own way of keeping it. */
  async advance(name: string, ms: number): Promise<void> {
    const [lock = ''] = this.keys.of(name);
    if ((await this.redis.exists(lock)) === 1) await this.redis.hincrby(lock, 'offset', ms);
  }

  /** Lets lock time pass until then; the lock must be there. */
  async advanceTo(name: string, then: number): Promise<void> {
    const [lock = ''] = this.keys.of(name);
    const script = `
      local time = redis.call('TIME')
      redis.call('HSET', KEYS[1], 'offset', ARGV[1] - (time[1] * 1000 + math.floor(time[2] / 1000)))`;
    await this.redis.eval(script, 1, lock, then);
  }

  /** As if Redis had lost the lock. */
  async lose(name: string, owners: readonly string[]): Promise<void> {
    const keys = this.keys.of(name);
    const [names = '', pairs = '', due = ''] = keys.slice(6);
    const mine = owners.map((owner) => pairOf(owner, name));
    await Promise.all([
      this.redis.del(...keys.slice(0, 6)),
      this.redis.zrem(names, name),
      this.redis.zrem(pairs, ...mine),
      this.redis.zrem(due, `n${name}`, ...mine.map((pair) => `o${pair}`)),
    ]);
  }

  /** @param owners those whose entries in the indices are looked at */
  async dump(name: string, owners: readonly string[] = []): Promise<LockDump> {
    const pairs = owners.map((owner) => pairOf(owner, name));
    const answer = await this.redis.eval(DUMP, 9, ...this.keys.of(name), name, ...pairs);
    const [[last, offset], holds, places, deadlines, queue, lives, entry, entries] = answer as Dumped;
    return {
      now: Number(last ?? 0),
      offset: Number(offset ?? 0),
      holds: withScores(holds, deadlines),
      places: withScores(places, queue),
      lives: new Map(KINDS.flatMap((kind, i) => (lives[i] === -2 ? [] : [[kind, lives[i] ?? 0] as const]))),
      entry: overAt(entry),
      entries: new Map(owners.map((owner, i) => [owner, overAt(entries[i])])),
    };
  }

  /** What a listing shows of the lock's bucket under its name, and who waits for it as the search for deadlocks asks. */
  async listed(name: string, owners: readonly string[]): Promise<{ names: string[]; waiting: string[] }> {
    const [, , , , places = '', , namesKey = '', pairs = '', due = ''] = this.keys.of(name);
    const range = [`[${name}`, `[${name}`, 10];
    const [[, , ...names], waits] = await Promise.all([
      this.run(listScript, [namesKey, due], ['n', ...range]),
      this.run(waitsScript, [pairs], [places.slice(0, -name.length), 1000, ...owners]),
    ]);
    return { names, waiting: waits.filter((_, i) => i % 2 === 0 && waits[i + 1] === name) };
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

/** Libraries are everybody's: a node may have been faster. */
function unlessThere(error: Error): void {
  if (!error.message.includes('already exists')) throw error;
}

/** An owner with a lock, as the index of its bucket has them. */
function pairOf(owner: string, name: string): string {
  return `${Buffer.byteLength(owner)}:${owner}${name}`;
}

function withScores(
  pairs: readonly string[],
  scores: readonly string[],
): Map<string, { words: string[]; score: number | undefined }> {
  const merged = new Map<string, { words: string[]; score: number | undefined }>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    merged.set(pairs[i] ?? '', { words: (pairs[i + 1] ?? '').split(' '), score: undefined });
  }
  for (let i = 0; i + 1 < scores.length; i += 2) {
    const owner = scores[i] ?? '';
    merged.set(owner, { words: merged.get(owner)?.words ?? [], score: Number(scores[i + 1]) });
  }
  return merged;
}
