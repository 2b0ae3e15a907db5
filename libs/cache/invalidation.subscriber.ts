import { Injectable } from '@nestjs/common';
import { Membership } from '#lib/membership';
import { Directory } from './directory.client.js';
import { messageKinds } from './directory.scripts.js';
import { LocalLines } from './local.lines.js';
import { invalidated, shared } from './node.protocol.js';
import { ServerHold } from './server.hold.js';

/** A process that cannot acknowledge for this long stops renewing its lease, so that nobody waits for it longer. */
const UNACKNOWLEDGED_MS = 500;
const RETRY_MS = 50;

interface Unacknowledged {
  readonly name: string;
  readonly round: string;
  readonly epoch: number;
  readonly since: number;
  sending: boolean;
}

/**
 * Listens to what the directory says to this node: gives up copies when asked, and only then says so; takes the label
 * `S` where others have begun to read a line that it held alone.
 */
@Injectable()
export class InvalidationSubscriber {
  readonly #ownEpochs = new Set<number>();
  /** In the order in which they came. */
  readonly #unacknowledged = new Map<string, Unacknowledged>();

  constructor(
    membership: Membership,
    private readonly lines: LocalLines,
    private readonly directory: Directory,
    private readonly hold: ServerHold,
  ) {
    membership.events.on('epochTaken', (epoch) => {
      this.#ownEpochs.add(epoch);
    });
    // Whoever waited for the lost epoch learns of its death from the registry.
    membership.events.on('epochLost', () => {
      this.#unacknowledged.clear();
    });
    membership.on(messageKinds.invalidate, (name = '', round = '', epoch = '') => {
      this.invalidate(name, round, Number(epoch));
    });
    membership.on(messageKinds.shared, (name = '', version = '') => {
      lines.set(name, shared(lines.get(name), Number(version)));
    });
    membership.holdRenewal(() => this.#isStuck());
  }

  /** Drops the copy, closes what is under way, then acknowledges. */
  invalidate(name: string, round: string, epoch: number): void {
    const left = invalidated(this.lines.get(name), epoch, this.#ownEpochs);
    if (!left) return;
    this.lines.set(name, left);
    // What a former Redis asked for is void, and the present one must not be spoken to yet.
    if (this.hold.active) return;
    const key = `${epoch} ${round} ${name}`;
    let one = this.#unacknowledged.get(key);
    if (!one) {
      one = { name, round, epoch, since: performance.now(), sending: false };
      this.#unacknowledged.set(key, one);
    }
    if (!one.sending) void this.#acknowledge(key, one);
  }

  async #acknowledge(key: string, one: Unacknowledged): Promise<void> {
    one.sending = true;
    try {
      await this.directory.ack(one.name, one.round, one.epoch);
      this.#unacknowledged.delete(key);
      this.lines.events.emit('invalidated', performance.now() - one.since);
    } catch {
      // Not heard, as far as is known. The round would ask again, but only while somebody waits for it.
      setTimeout(() => {
        if (this.#unacknowledged.get(key) === one) void this.#acknowledge(key, one);
      }, RETRY_MS).unref();
    } finally {
      one.sending = false;
    }
  }

  #isStuck(): boolean {
    const [oldest] = this.#unacknowledged.values();
    return oldest !== undefined && performance.now() - oldest.since > UNACKNOWLEDGED_MS;
  }
}
