import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisConnections, RedisUnavailable } from '#lib/redis';
import { CacheKeys } from './cache.keys.js';
import { parseFill, parseWrite, scripts, writeArguments } from './directory.scripts.js';
import type { FillAnswer, Write, WriteAnswer } from './line.types.js';
import type { Fill, OpenWrite } from './node.protocol.js';

/** A line as the directory has it. */
export interface DirectoryLine {
  /** 0: the line is absent. */
  readonly version: number;
  readonly owner: number | undefined;
  readonly roundOpen: boolean;
  /** Epochs of the living holders. */
  readonly holders: readonly number[];
}

/** The directory in Redis, one script a call. All calls throw RedisUnavailable. */
@Injectable()
export class Directory {
  readonly #keys: CacheKeys;
  readonly #channels: string;
  readonly #hotFrom: number;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    private readonly redis: RedisConnections,
    private readonly membership: Membership,
  ) {
    this.#keys = new CacheKeys(settings.REDIS_KEY_PREFIX);
    this.#channels = membership.channelOf('');
    this.#hotFrom = settings.CACHE_HOT_FROM;
  }

  async fill(name: string, { epoch, grant, cacheable }: Fill): Promise<FillAnswer> {
    const [line] = this.#keys.of(name);
    const args = [...this.#asWhom(epoch), name, grant, cacheable ? '1' : ''];
    try {
      return parseFill(await this.redis.commands.run(scripts.fill, [line], args, true));
    } catch (error) {
      if (!(error instanceof RedisUnavailable && error.isFull)) throw error;
      return parseFill(await this.redis.commands.run(scripts.fillFull, [line], args));
    }
  }

  async begin(name: string, writes: readonly Write[], { epoch, upto }: OpenWrite): Promise<WriteAnswer[]> {
    const script = writes.every(({ change }) => change.kind === 'delete') ? scripts.beginDelete : scripts.begin;
    const args = this.#asWhom(epoch);
    args.push(name, upto);
    for (const write of writes) args.push(...writeArguments(write));
    const [, ...answers] = await this.redis.commands.run(script, this.#keys.of(name), args, writes.length === 1);
    return writes.map(({ id }, index) => parseWrite(id, answers[index] ?? []));
  }

  /** Over the connection of the lease: a process that cannot acknowledge cannot keep its lease either. */
  async ack(name: string, round: string, epoch: number): Promise<void> {
    await this.redis.lease.run(scripts.ack, this.#keys.of(name), [...this.#head(name), round, epoch]);
  }

  /** @param id the write asked about; empty where only the round is to be moved on */
  async poll(name: string, id: string): Promise<WriteAnswer> {
    const args = [...this.#head(name), this.membership.snapshot, id];
    const [, ...answer] = await this.redis.commands.run(scripts.poll, this.#keys.of(name), args);
    return parseWrite(id, answer);
  }

  async inspect(name: string): Promise<DirectoryLine> {
    const [line] = this.#keys.of(name);
    const answer = await this.redis.commands.run(scripts.inspect, [line], [this.membership.snapshot]);
    const [version, owner, roundOpen, ...holders] = answer;
    return {
      version: Number(version),
      owner: owner === '' ? undefined : Number(owner),
      roundOpen: roundOpen === '1',
      holders: holders.map(Number),
    };
  }

  /** Names of some buckets' lines that ended at least so long ago, at most so many of each bucket. */
  async due(firstBucket: number, lastBucket: number, overMs: number, count: number): Promise<string[]> {
    const [before, after] = this.#keys.dueOfAll();
    return await this.redis.commands.run(scripts.due, [before], [after, firstBucket, lastBucket, overMs, count]);
  }

  /** What calls that go as one begin with, so that it goes once for all of them. */
  #asWhom(epoch: number): (string | number)[] {
    const { snapshot, instance } = this.membership;
    return [this.#channels, this.#hotFrom, snapshot, epoch, instance];
  }

  #head(name: string): (string | number)[] {
    return [this.#channels, name, this.#hotFrom];
  }
}
