import type { Redis } from 'ioredis';
import { withBullmq } from './bullmq.lua.js';

/** BullMQ's own operations on one queue, as its classes would run them. */
export class BullmqOperations {
  /** @param base what BullMQ's keys of the queue begin with */
  constructor(
    private readonly redis: Redis,
    private readonly base: string,
  ) {}

  /**
   * Runs an operation.
   * @param keys types of keys, or `:id` for the job's own
   * @param lua its arguments in Lua; ARGV[1] is the base of the keys, then come `args`
   */
  async call(operation: string, keys: string[], lua: string, ...args: (string | number)[]): Promise<unknown> {
    const text = `--- @bullmq "${operation}"\nreturn bullmq_${operation}(KEYS, ${lua})`;
    return await this.redis.eval(
      withBullmq(text),
      keys.length,
      ...keys.map((key) => this.base + key.replace(/^:/, '')),
      this.base,
      ...args,
    );
  }

  /**
   * Adds a job with a priority, which may have the deduplication id `x`.
   * @param options in Lua
   * @param timestamp when it is added, ms since 1970
   * @returns its id
   */
  async add(data: string, options: string, timestamp = 1000): Promise<string> {
    return (await this.call(
      'addPrioritizedJob',
      ['marker', 'meta', 'id', 'prioritized', 'delayed', 'completed', 'active', 'events', 'pc'],
      `{cmsgpack.pack({ARGV[1], '', 'message', tonumber(ARGV[3]), [9] = ARGV[1] .. 'de:x'}), ARGV[2], cmsgpack.pack(${options})}`,
      data,
      timestamp,
    )) as string;
  }

  /** Takes the next job. */
  async take(token: string, now = Date.now()): Promise<[fields: string[] | number, id: string]> {
    return (await this.call(
      'moveToActive',
      ['wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc', 'marker'],
      `{ARGV[1], ARGV[2], cmsgpack.pack({token = ARGV[3], lockDuration = 60000})}`,
      now,
      token,
    )) as [string[] | number, string];
  }

  /**
   * Ends a job that was taken.
   * @param keep how many that have ended so are kept
   * @returns 0, or a negative code
   */
  async finish(id: string, token: string, target = 'completed', keep = 0): Promise<unknown> {
    return await this.call(
      'moveToFinished',
      [
        'wait',
        'active',
        'prioritized',
        'events',
        'stalled',
        'limiter',
        'delayed',
        'paused',
        'meta',
        'pc',
        target,
        `:${id}`,
        'metrics',
        'marker',
      ],
      `{ARGV[2], ARGV[3], 'failedReason', 'why', ARGV[4], '0', ARGV[1], cmsgpack.pack({token = ARGV[5], keepJobs = {count = ${keep}}, attempts = 1, maxMetricsSize = ''}), ''}`,
      id,
      Date.now(),
      target,
      token,
    );
  }
}
