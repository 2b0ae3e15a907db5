import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { RedisArgument, LuaScript } from '#lib/redis';
import { LockKeys } from '../../libs/lock/lock.keys.js';
import { LockListing } from '../../libs/lock/lock.listing.js';
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

/** A lock as its keys hold it, whichever form it has. */
export interface LockDump {
  readonly now: number;
  readonly offset: number;
  /** Whether its only hold is in its record. */
  readonly sole: boolean;
  readonly holds: Map<string, { words: string[]; score: number | undefined }>;
  readonly places: Map<string, { words: string[]; score: number | undefined }>;
  /**
   * Those of its keys that exist, each with the ms until it expires; -1 for never. That of the lock also stands for a
   * record among those of its bucket that are fresh.
   */
  readonly lives: Map<keyof OwnKeys, number>;
  /**
   * When the entries of the lock and of owners in the indices are over, by Redis's clock; undefined if there is none. What
   * is fresh is an entry of both.
   */
  readonly entry: number | undefined;
  readonly entries: Map<string, number | undefined>;
}

/** The keys of a lock by itself. */
export type OwnKeys = Readonly<Record<'lock' | 'holds' | 'deadlines' | 'queue' | 'places' | 'watchers', string>>;

/** More than a bucket has that are in no index. */
const NEIGHBOURS = 72;
/** What is over stays for so long. */
const KEEP_MS = 5000;
/** Where the record of a lock has the offset of its clock. */
const OFFSET = 12;

/** Changes the offset: adds to it, or makes it so that it is that time now. */
const SET_OFFSET = `
  local fresh = redis.call('HGET', KEYS[2], ARGV[3])
  local text = fresh or redis.call('GET', KEYS[1])
  if not text then return end
  local function changed(...)
    local record, size = { ... }, math.max(select('#', ...), ${OFFSET})
    local time = redis.call('TIME')
    record[${OFFSET}] = ARGV[1] == 'by' and (record[${OFFSET}] or 0) + ARGV[2]
      or ARGV[2] - (time[1] * 1000 + math.floor(time[2] / 1000))
    return cmsgpack.pack(unpack(record, 1, size))
  end
  local record = changed(cmsgpack.unpack(text))
  if fresh then redis.call('HSET', KEYS[2], ARGV[3], record) else redis.call('SET', KEYS[1], record, 'KEEPTTL') end`;

/** Everything of a lock at one moment. Entries of indices: '-' none, '?' one that is never over. */
const DUMP = `
  local lives = {}
  for i = 1, 6 do lives[i] = redis.call('PTTL', KEYS[i]) end
  local fresh, own = redis.call('HGET', KEYS[10], ARGV[1]), redis.call('GET', KEYS[1])
  if fresh and own then return redis.error_reply('a lock has two records') end
  local record = {}
  if fresh or own then
    for i, value in pairs({ cmsgpack.unpack(fresh or own) }) do
      if i <= ${OFFSET} then record[i] = type(value) == 'number' and string.format('%.0f', value) or value end
    end
  end
  for i = 1, ${OFFSET} do record[i] = record[i] or false end
  if fresh then
    local time = redis.call('TIME')
    lives[1] = record[1] - time[1] * 1000 - math.floor(time[2] / 1000)
  end
  local fresh_owner = fresh and record[5]
  local function entry(index, kind, text, is_fresh)
    local indexed = redis.call('ZSCORE', index, text)
    if is_fresh then return indexed and 'twice' or string.format('%.0f', record[7] - (record[12] or 0) + ${KEEP_MS}) end
    if not indexed then return '-' end
    return redis.call('ZSCORE', KEYS[9], kind .. text) or '?'
  end
  local entries = {}
  for i = 2, #ARGV, 2 do
    entries[#entries + 1] = entry(KEYS[8], 'o', ARGV[i + 1], ARGV[i] == fresh_owner)
  end
  return {
    record, redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[5]),
    redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'), redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES'), lives,
    entry(KEYS[7], 'n', ARGV[1], fresh_owner), entries,
  }`;
type Dumped = [
  record: (string | null)[],
  holds: string[],
  places: string[],
  deadlines: string[],
  queue: string[],
  lives: number[],
  entry: string,
  entries: string[],
];

function overAt(text = '-'): number | undefined {
  if (text === 'twice') throw new Error('what is fresh is in an index as well');
  return text === '-' ? undefined : text === '?' ? NaN : Number(text);
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

  get listing(): LockListing {
    return new LockListing((script, keys, args) => this.run(script, keys, args), this.keys);
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
    await this.#setOffset(name, 'by', ms);
  }

  /** Lets lock time pass until then. */
  async advanceTo(name: string, then: number): Promise<void> {
    await this.#setOffset(name, 'to', then);
  }

  async #setOffset(name: string, how: 'by' | 'to', ms: number): Promise<void> {
    const { fresh } = this.keys.ofBucket(this.bucketOf(name));
    await this.redis.eval(SET_OFFSET, 2, this.keys.of(name), fresh, how, ms, name);
  }

  /** The keys of a lock, as its scripts derive them. */
  own(name: string): OwnKeys {
    const lock = this.keys.of(name);
    const key = (kind: string) => lock.replace(':lk:', `:${kind}:`);
    return { lock, holds: key('h'), deadlines: key('d'), queue: key('q'), places: key('w'), watchers: key('wt') };
  }

  bucketOf(name: string): number {
    return Number(/\{lock(\d+)\}/.exec(this.keys.of(name))?.[1]);
  }

  /** Takes and gives back so many locks in its bucket that what is fresh there is too much, and some is moved. */
  async crowdBucket(name: string): Promise<void> {
    const store = this.store(bystander());
    const wanted = { owner: 'a', mode: 'exclusive' as const, leaseMs: 1000, waitMs: 0, call: 'c' };
    const others: string[] = [];
    for (let i = 0; others.length < NEIGHBOURS; i += 1) {
      if (this.bucketOf(`beside ${i}`) === this.bucketOf(name)) others.push(`beside ${i}`);
    }
    await Promise.all(others.map((other) => store.acquire({ name: other, ...wanted })));
    await Promise.all(others.map((other) => store.release(other, 'a', undefined, undefined)));
  }

  /** As if Redis had lost the lock. */
  async lose(name: string, owners: readonly string[]): Promise<void> {
    const { names, owners: pairs, due, fresh } = this.keys.ofBucket(this.bucketOf(name));
    const mine = owners.map((owner) => pairOf(owner, name));
    await Promise.all([
      this.redis.del(...Object.values(this.own(name))),
      this.redis.zrem(names, name),
      this.redis.zrem(pairs, ...mine),
      this.redis.zrem(due, `n${name}`, ...mine.map((pair) => `o${pair}`)),
      this.redis.hdel(fresh, name),
    ]);
  }

  /**
   * @param owners those whose entries in the indices are looked at
   * @throws Error where the lock has more than one form at once
   */
  async dump(name: string, owners: readonly string[] = []): Promise<LockDump> {
    const own = this.own(name);
    const { names, owners: pairs, due, fresh } = this.keys.ofBucket(this.bucketOf(name));
    const asked = owners.flatMap((owner) => [owner, pairOf(owner, name)]);
    const keys = [...Object.values(own), names, pairs, due, fresh];
    const answer = (await this.redis.eval(DUMP, keys.length, ...keys, name, ...asked)) as Dumped;
    const [[, , last, mode, sole, token, deadline, lease, call, , , offset], holds, places, deadlines, queue] = answer;
    const [, , , , , lives, entry, entries] = answer;
    const kinds = Object.keys(own) as (keyof OwnKeys)[];
    if (typeof sole === 'string') {
      if (kinds.some((kind, i) => kind !== 'lock' && kind !== 'watchers' && lives[i] !== -2))
        throw new Error('a lock with its hold in its record has other keys as well');
      holds.push(sole, [mode, token, lease, call, 1, deadline, '-', '-', '-'].join(' '));
      deadlines.push(sole, deadline ?? '');
    }
    return {
      now: Number(last ?? 0),
      offset: Number(offset ?? 0),
      sole: typeof sole === 'string',
      holds: withScores(holds, deadlines),
      places: withScores(places, queue),
      lives: new Map(kinds.flatMap((kind, i) => (lives[i] === -2 ? [] : [[kind, lives[i] ?? 0] as const]))),
      entry: overAt(entry),
      entries: new Map(owners.map((owner, i) => [owner, overAt(entries[i])])),
    };
  }

  /** What a listing shows of the lock's bucket under its name, and who waits for it as the search for deadlocks asks. */
  async listed(name: string, owners: readonly string[]): Promise<{ names: string[]; waiting: string[] }> {
    const [{ names }, waits] = await Promise.all([
      this.listing.page(name, undefined, undefined, 10),
      this.listing.waitsOf(owners),
    ]);
    return {
      names: names.filter((one) => one === name),
      waiting: waits.filter((wait) => wait.name === name).map(({ owner }) => owner),
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
