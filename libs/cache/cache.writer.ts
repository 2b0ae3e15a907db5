import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { Membership } from '#lib/membership';
import { RedisUnavailable } from '#lib/redis';
import { Directory } from './directory.client.js';
import { messageKinds, parseResult } from './directory.scripts.js';
import { WriteQueue, type QueuedWrite } from './write.queue.js';
import type { Change, Outcome, Write, WriteAnswer, WriteResult } from './line.types.js';
import { LocalLines } from './local.lines.js';
import { startWrite, writeAnswered, writeEnded, type OpenWrite } from './node.protocol.js';
import { ServerHold } from './server.hold.js';

const FIRST_POLL_MS = 5;
/** Well below the time for which results are kept. */
const LAST_POLL_MS = 250;

export interface WriteOrder {
  readonly change: Change;
  /** By which a repetition is known, with its route: the scope of a caller's requestId. */
  readonly repeatableAs?: string;
}

/** Writes: one list under way per line, and whatever comes meanwhile goes as the next list. */
@Injectable()
export class CacheWriter {
  readonly #queues = new Map<string, WriteQueue>();
  readonly #seenTo = new Set<string>();
  #ids = 0;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly membership: Membership,
    private readonly lines: LocalLines,
    private readonly directory: Directory,
    private readonly hold: ServerHold,
  ) {
    membership.on(messageKinds.result, (name = '', id = '', ...fields) => {
      this.#queues.get(name)?.settle(id, parseResult(id, fields), true);
    });
    // Who is awaited may be dead now; what was to be heard may have been missed.
    for (const event of ['membersChanged', 'reconnected'] as const) {
      membership.events.on(event, () => {
        for (const queue of this.#queues.values()) queue.wake();
      });
    }
  }

  /**
   * @returns how the write ended; the same for a repetition of a write that changed something
   * @throws RedisUnavailable, which says whether the write may have happened
   */
  async write(name: string, { change, repeatableAs }: WriteOrder): Promise<Outcome> {
    const started = performance.now();
    const id = repeatableAs ?? `${this.membership.instance}:${(this.#ids += 1)}`;
    let queue = this.#queues.get(name);
    if (!queue) {
      queue = new WriteQueue(this.settings.CACHE_MAX_WAITING_WRITES, this.settings.CACHE_WRITE_TIMEOUT_MS);
      this.#queues.set(name, queue);
    }
    const write = queue.add(id, change, repeatableAs !== undefined);
    if (!queue.running) void this.#run(name, queue);
    const { outcome, round } = await write.ended;
    this.lines.events.emit('written', change.kind, outcome.code, round, performance.now() - started);
    return outcome;
  }

  /** Moves on a round that a read has come upon, in case nobody else does. */
  seeTo(name: string): void {
    if (this.#seenTo.has(name)) return;
    this.#seenTo.add(name);
    setTimeout(() => {
      this.#seenTo.delete(name);
      if (this.hold.active) return;
      this.lines.events.emit('polled');
      // Whoever comes upon the round next sees to it again.
      this.directory.poll(name, '').catch(() => undefined);
    }, FIRST_POLL_MS).unref();
  }

  async #run(name: string, queue: WriteQueue): Promise<void> {
    queue.running = true;
    for (let list = queue.next(); list.length > 0; list = queue.next()) {
      try {
        await this.#send(name, queue, list);
      } catch (error) {
        queue.fail(error);
      } finally {
        this.lines.set(name, writeEnded(this.lines.get(name)));
      }
    }
    queue.running = false;
    this.#queues.delete(name);
  }

  async #send(name: string, queue: WriteQueue, list: readonly QueuedWrite[]): Promise<void> {
    if (this.hold.active) await this.hold.passed();
    this.membership.requireReady();
    const { epoch } = this.membership;
    if (epoch === undefined) throw new RedisUnavailable('this node has no lease', false);
    const started = performance.now();
    const upto = this.lines.lastGrant;
    const writes = list.map(({ id, change, repeatable }): Write => ({
      id,
      change,
      repeatable,
      grant: this.lines.nextGrant(),
    }));
    const grants = writes.map(({ grant }) => grant);
    const open: OpenWrite = { upto, grants, epoch, sentAt: started, open: true };
    this.lines.set(name, startWrite(this.lines.get(name), upto, grants, epoch, started));
    queue.onSettled = (id, result) => {
      this.#install(name, writes, id, result);
    };
    const answers = await this.directory.begin(name, writes, open);
    answers.forEach((answer, index) => {
      if (answer.kind === 'done') queue.settle(writes[index]?.id ?? '', answer.result, false);
    });
    if (queue.unsettled === undefined) return;
    await this.#awaitRound(name, queue, started);
    this.lines.events.emit('round', performance.now() - started);
  }

  /** Keeps what was written, where the directory has registered just that. */
  #install(name: string, writes: readonly Write[], id: string, result: WriteResult): void {
    const write = writes.find((one) => one.id === id);
    if (!write) return;
    const { change, grant } = write;
    const json = change.kind === 'write' ? change.json : String(result.outcome.number);
    this.lines.set(name, writeAnswered(this.lines.get(name), grant, result, json, this.membership.epoch));
  }

  /** The others are asked; their answers commit the round. Asks again, later and later, in case a message was lost. */
  async #awaitRound(name: string, queue: WriteQueue, started: number): Promise<void> {
    const deadline = started + this.settings.CACHE_WRITE_TIMEOUT_MS;
    for (let delay = FIRST_POLL_MS; ; delay = Math.min(2 * delay, LAST_POLL_MS)) {
      await queue.settledWithin(delay * (0.75 + Math.random() / 2));
      const { unsettled } = queue;
      if (unsettled === undefined) return;
      if (performance.now() > deadline) {
        throw new RedisUnavailable('other nodes did not let go of the line in time', true);
      }
      if (this.hold.active) continue;
      this.lines.events.emit('polled');
      const answer = await this.directory.poll(name, unsettled).catch((error: unknown): WriteAnswer => {
        if (error instanceof RedisUnavailable) return { kind: 'pending' };
        throw error;
      });
      if (answer.kind === 'done') queue.settle(unsettled, answer.result, true);
      else if (answer.kind === 'unknown' && queue.unsettled === unsettled) {
        throw new RedisUnavailable('Redis no longer knows what became of the write', true);
      }
    }
  }
}
