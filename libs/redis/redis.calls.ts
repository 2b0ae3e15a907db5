import type { Redis } from 'ioredis';
import { RedisUnavailable } from './redis.errors.js';
import { isUnknown, ScriptLibraries } from './redis.libraries.js';
import { joinedOf, type LuaScript } from './redis.script.js';
import { isSame, type RedisServer } from './redis.server.js';

export type RedisArgument = string | number | Buffer;

/** Most calls that go as one, so that who comes after them does not wait for long. */
const MOST_JOINED = 8;
/** Arguments of a call above which it goes alone, in bytes or UTF-16 units. */
const MOST_BYTES = 4096;
/** Most commands of a turn that go in one write. More go in two halves: Redis works on one while this node does on the other. */
const MOST_WRITTEN = 2;

interface ScriptCall {
  readonly script: LuaScript;
  readonly keys: readonly string[];
  readonly args: readonly RedisArgument[];
  /** For which it is meant. */
  readonly server: RedisServer;
  /** Whether it may go as one with others of the same script. */
  readonly joins: boolean;
}

interface Waiting {
  readonly call: ScriptCall;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls of scripts on their way to Redis. */
export class ScriptCalls {
  readonly #libraries: ScriptLibraries;
  /** The calls of this turn of the event loop in the order in which they go, those together that go as one. */
  #groups: Waiting[][] = [];
  /** Where calls of a script can still join. */
  #open = new Map<LuaScript, number>();
  /** The last group in which something, named by its first key, is called. */
  #lastOf = new Map<string, number>();

  /** @param current the server at the other end */
  constructor(
    private readonly redis: Redis,
    private readonly current: () => RedisServer | undefined,
  ) {
    this.#libraries = new ScriptLibraries(redis);
  }

  /**
   * Sends a call at the end of this turn of the event loop, together with the others of the turn, and as one with others of
   * the same script where they may join. Calls on the same thing (first key) keep their order.
   * @throws as {@link now}
   */
  atEndOfTurn(call: ScriptCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#groups.length === 0)
        setImmediate(() => {
          this.#flush();
        });
      this.#groupFor(call).push({ call, resolve, reject });
    });
  }

  /**
   * Sends a call now. That Redis does not know its library means that it did not run: then it is loaded.
   * @throws what ioredis rejects with; RedisUnavailable where another server is at the other end meanwhile
   */
  async now({ script, keys, args, server }: ScriptCall): Promise<unknown> {
    return await this.#send(
      script,
      server,
      () => this.redis.fcall(script.library, script.numberOfKeys, ...keys, ...args),
      // It was refused (a Redis that is full takes no library, but what makes room must run), or is gone again already.
      () => this.redis.eval(script.once, script.numberOfKeys, ...keys, ...args),
    );
  }

  #groupFor({ script, keys: [thing = ''], args, joins }: ScriptCall): Waiting[] {
    const isSmall = joins && sizeOf(args) <= MOST_BYTES;
    let index = isSmall ? (this.#open.get(script) ?? -1) : -1;
    let group = this.#groups[index];
    if (!group || group.length === MOST_JOINED || index < (this.#lastOf.get(thing) ?? 0)) {
      group = [];
      index = this.#groups.push(group) - 1;
      if (isSmall) this.#open.set(script, index);
    }
    this.#lastOf.set(thing, index);
    return group;
  }

  #flush(): void {
    const groups = this.#groups;
    this.#groups = [];
    // Not cleared: see docs/results/profile.md, "What outlives a request".
    this.#open = new Map();
    this.#lastOf = new Map();
    const half = groups.length > MOST_WRITTEN ? Math.ceil(groups.length / 2) : groups.length;
    this.#write(groups.slice(0, half));
    if (half < groups.length) this.#write(groups.slice(half));
  }

  #write(groups: readonly Waiting[][]): void {
    this.redis.stream.cork();
    for (const group of groups) void this.#sendGroup(group);
    this.redis.stream.uncork();
  }

  async #sendGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const answers = group.length > 1 ? await this.#joined(group.map(({ call }) => call)) : undefined;
      group.forEach(({ call, resolve, reject }, i) => {
        if (!answers) this.now(call).then(resolve, reject);
        else if (answers[i] instanceof Error) reject(answers[i]);
        else resolve(answers[i]);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** @returns what each was answered, or its error; undefined where Redis cannot take the library, and none has run */
  async #joined(calls: readonly ScriptCall[]): Promise<unknown[] | undefined> {
    const [{ script, server }] = calls as [ScriptCall];
    const keys = calls.flatMap((call) => call.keys);
    const shared = sharedBy(calls);
    const args: RedisArgument[] = [shared, ...(calls[0]?.args.slice(0, shared) ?? [])];
    for (const call of calls) {
      args.push(call.args.length - shared);
      for (let i = shared; i < call.args.length; i += 1) args.push(call.args[i] ?? '');
    }
    return await this.#send(
      script,
      server,
      async () => (await this.redis.fcall(joinedOf(script), keys.length, ...keys, ...args)) as unknown[],
      () => undefined,
    );
  }

  /** Sends what needs a library, once more when that was loaded, and at last without it. */
  async #send<Answer>(
    script: LuaScript,
    server: RedisServer,
    send: () => Promise<Answer>,
    sendWithout: () => Answer | Promise<Answer>,
  ): Promise<Answer> {
    for (let loaded = false; ; loaded = true) {
      if (!isSame(server, this.current())) throw new RedisUnavailable('Redis cannot be reached', false);
      try {
        return await send();
      } catch (error) {
        if (!isUnknown(error)) throw error;
      }
      if (loaded) return await sendWithout();
      await this.#libraries.load(script);
    }
  }
}

/** With how many arguments all calls begin that are the same, as what a process says of itself with each call. */
function sharedBy([first, ...others]: readonly ScriptCall[]): number {
  let shared = 0;
  const isShared = ({ args }: ScriptCall) => shared < args.length && args[shared] === first?.args[shared];
  while (first && shared < first.args.length && others.every(isShared)) shared += 1;
  return shared;
}

function sizeOf(args: readonly RedisArgument[]): number {
  let size = 0;
  for (const arg of args) size += typeof arg === 'number' ? 8 : arg.length;
  return size;
}
