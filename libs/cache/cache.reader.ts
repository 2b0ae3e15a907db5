import { Injectable } from '@nestjs/common';
import { Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { CacheWriter } from './cache.writer.js';
import { Directory } from './directory.client.js';
import type { FillAnswer } from './line.types.js';
import { LocalLines } from './local.lines.js';
import { fillAnswered, fillEnded, joinableFill, mayHaveEnded, startFill, type Fill } from './node.protocol.js';
import { Reading } from './reading.js';
import { ServerHold } from './server.hold.js';

/** How often a read follows a value that ends and is written again while it looks. */
const ATTEMPTS = 20;

/** Reads: from memory where a copy may be used, else from the directory, which then knows of the copy. */
@Injectable()
export class CacheReader {
  readonly #underWay = new Map<number, Promise<FillAnswer>>();

  constructor(
    private readonly membership: Membership,
    private readonly lines: LocalLines,
    private readonly directory: Directory,
    private readonly writer: CacheWriter,
    private readonly hold: ServerHold,
  ) {}

  /** The answer from memory, if there is one. */
  fromMemory(name: string): Reading | undefined {
    return this.lines.hit(name);
  }

  /**
   * @returns undefined where the line is absent
   * @throws RedisUnavailable
   */
  read(name: string): Promise<Reading | undefined> {
    const hit = this.lines.hit(name);
    return hit ? Promise.resolve(hit) : this.#ask(name);
  }

  async #ask(name: string): Promise<Reading | undefined> {
    if (this.hold.active) await this.hold.passed();
    this.lines.reads.miss += 1;
    const fill = joinableFill(this.lines.get(name), this.membership.leaseStands());
    const joined = fill && (await this.#share(fill, performance.now()));
    if (joined) return joined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const answer = await this.#fill(name);
      if (answer.kind === 'absent') return undefined;
      if (answer.kind === 'value') {
        if (answer.roundOpen) this.writer.seeTo(name);
        return new Reading(false, answer.found, answer.version, answer.json);
      }
      // Others may still rightly see the value: that it has ended must be agreed on like a write.
      const { version } = answer;
      const outcome = await this.writer.write(name, { change: { kind: 'expire', version } });
      if (outcome.code === 'ok') return undefined;
    }
    throw new RedisUnavailable('the line changes too fast to be read', false);
  }

  /** @returns undefined where the directory has not vouched for the answer, or its value may have ended before */
  async #share(fill: Fill, joinedAt: number): Promise<Reading | undefined> {
    try {
      const answer = await this.#underWay.get(fill.grant);
      if (answer?.kind !== 'value' || answer.granted === undefined) return undefined;
      if (mayHaveEnded(fill, answer.expiresInMs, joinedAt)) return undefined;
      return new Reading(false, answer.granted, answer.version, answer.json);
    } catch {
      // The reader's own attempt will say what is wrong.
      return undefined;
    }
  }

  async #fill(name: string): Promise<FillAnswer> {
    this.membership.requireReady();
    const { epoch } = this.membership;
    if (epoch === undefined) throw new RedisUnavailable('this node has no lease', false);
    const grant = this.lines.nextGrant();
    const { line, fill } = startFill(this.lines.get(name), grant, epoch, performance.now());
    this.lines.set(name, line);
    const underWay = this.directory.fill(name, fill);
    this.#underWay.set(grant, underWay);
    try {
      const answer = await underWay;
      this.lines.set(name, fillAnswered(this.lines.get(name), grant, answer, this.membership.epoch));
      return answer;
    } catch (error) {
      this.lines.set(name, fillEnded(this.lines.get(name), grant));
      throw error;
    } finally {
      this.#underWay.delete(grant);
    }
  }
}
