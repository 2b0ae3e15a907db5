import type { Redis } from 'ioredis';
import { RedisUnavailable } from './redis.errors.js';
import { otherVersions, type LuaScript } from './redis.script.js';

/** Gives Redis the libraries that it does not know. They stay there, restarts with data and replicas included. */
export class ScriptLibraries {
  readonly #loading = new Map<string, Promise<void>>();
  /** What this process has brought once. */
  readonly #brought = new Set<string>();

  constructor(private readonly redis: Redis) {}

  /**
   * Loads the library of a script, once for all that wait for it.
   * @throws RedisUnavailable where the answer was lost; a refusal is left to the call that follows
   */
  load(script: LuaScript): Promise<void> {
    const { library } = script;
    let loading = this.#loading.get(library);
    if (!loading) {
      loading = this.#load(script).finally(() => this.#loading.delete(library));
      this.#loading.set(library, loading);
    }
    return loading;
  }

  async #load(script: LuaScript): Promise<void> {
    try {
      await this.redis.function('LOAD', script.text);
    } catch (error) {
      // Another node was faster, or Redis refuses.
      if (error instanceof Error && error.name === 'ReplyError') return;
      throw new RedisUnavailable('Redis did not answer in time', false, { cause: error });
    }
    if (this.#brought.has(script.library)) return;
    this.#brought.add(script.library);
    // Whoever still needs another version loads it again. Since no process clears away for one script more than once, nodes
    // of two versions do not go on taking each other's.
    this.#clearAway(script).catch(() => {
      // Then the next version does it.
    });
  }

  async #clearAway(script: LuaScript): Promise<void> {
    const listed = await this.redis.function('LIST', 'LIBRARYNAME', `${script.library.replace(/[^_]*$/, '')}*`);
    const names = (listed as unknown[][]).map(([, name]) => String(name));
    await Promise.all(otherVersions(script, names).map((name) => this.redis.function('DELETE', name)));
  }
}

/** Whether Redis says that it has no such function, which also says that nothing ran. */
export function isUnknown(error: unknown): boolean {
  return error instanceof Error && error.message === 'ERR Function not found';
}
