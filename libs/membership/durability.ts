import { Logger } from '@nestjs/common';
import type { RedisConnection } from '#lib/redis';

/** What Redis promises to keep: `always` syncs each write before its answer; `unknown` where it does not tell. */
export type DurabilityState = 'always' | 'weaker' | 'unknown';

/** Whether Redis is set up as the guarantees ask for: `appendonly yes`, `appendfsync always`, `noeviction`. */
export class Durability {
  readonly #logger = new Logger('Redis');
  #state: DurabilityState = 'unknown';
  #evicts = false;
  #told = '';

  constructor(private readonly connection: RedisConnection) {}

  get state(): DurabilityState {
    return this.#state;
  }

  /** True where Redis throws keys away when its memory is full. */
  get evicts(): boolean {
    return this.#evicts;
  }

  /** Everything that is weaker than asked for, in words. */
  get complaints(): string[] {
    return [
      ...(this.#state === 'weaker' ? ['Redis does not sync every write (appendonly yes, appendfsync always)'] : []),
      ...(this.#state === 'unknown'
        ? ['Redis does not tell whether it syncs every write (CONFIG GET is refused)']
        : []),
      ...(this.#evicts ? ['Redis evicts keys when full (maxmemory-policy is not noeviction)'] : []),
    ];
  }

  /** Asks Redis, and logs what has become weaker since the last time. */
  async check(): Promise<void> {
    try {
      const answer = await this.connection.redis.config('GET', 'append*', 'maxmemory-policy');
      const config = new Map<string, string>();
      for (let i = 0; i + 1 < answer.length; i += 2) config.set(answer[i] ?? '', answer[i + 1] ?? '');
      this.#state = config.get('appendonly') === 'yes' && config.get('appendfsync') === 'always' ? 'always' : 'weaker';
      this.#evicts = config.get('maxmemory-policy') !== 'noeviction';
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
      this.#state = 'unknown';
    }
    const complaints = this.complaints.join('; ');
    if (complaints !== this.#told && complaints !== '') this.#logger.warn(complaints);
    this.#told = complaints;
  }
}
