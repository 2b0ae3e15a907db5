import type { MessageState, MessageToPush } from './queue.types.js';

export interface ModelMessage {
  readonly id: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly maxDeliveries: number;
  readonly expires: boolean;
  deliveries: number;
  receipt?: string;
  /** Its time to live is over; it is dropped when it is not in flight. */
  expired: boolean;
  delayMs: number;
  reason?: string;
}

export interface ModelBounds {
  readonly length: number;
  readonly inFlight: number;
  readonly dead: number;
}

/** What a queue is, without Redis: the outcome that every call must have. Time passes only by `lapse`, `due`, `expire`. */
export class QueueModel {
  /** Those that came back from a delivery are ahead of all. */
  #front: ModelMessage[] = [];
  #waiting: ModelMessage[] = [];
  #delayed: ModelMessage[] = [];
  #inflight: ModelMessage[] = [];
  #dead: ModelMessage[] = [];
  readonly #windows = new Map<string, string>();
  readonly #remembered = new Map<string, unknown>();
  paused = false;

  constructor(private readonly bounds: ModelBounds) {}

  in(state: MessageState): readonly ModelMessage[] {
    const lists = { delayed: this.#delayed, inflight: this.#inflight, dead: this.#dead };
    return state === 'ready' ? [...this.#front, ...this.#waiting] : lists[state];
  }

  get length(): number {
    return this.in('ready').length + this.#delayed.length + this.#inflight.length;
  }

  /** What a call with a requestId answered when it first changed something. */
  once<Answer>(route: string, requestId: string | undefined, call: () => { answer: Answer; changed: boolean }): Answer {
    const key = `${route} ${requestId ?? ''}`;
    if (requestId !== undefined && this.#remembered.has(key)) return this.#remembered.get(key) as Answer;
    const { answer, changed } = call();
    if (requestId !== undefined && changed) this.#remembered.set(key, answer);
    return answer;
  }

  /** @param nextId the ids that the queue gave to those that were new */
  push(messages: readonly MessageToPush[], nextId: () => string): { ids: string[]; duplicates: number[] } | 'full' {
    const fresh = new Set<string>();
    let needed = 0;
    for (const { dedupId } of messages) {
      if (dedupId === undefined) needed += 1;
      else if (!this.#windows.has(dedupId)) fresh.add(dedupId);
    }
    needed += fresh.size;
    if (needed > 0 && this.length + needed > this.bounds.length) return 'full';
    const ids: string[] = [];
    const duplicates: number[] = [];
    for (const [index, message] of messages.entries()) {
      const { dedupId } = message;
      const known = dedupId === undefined ? undefined : this.#windows.get(dedupId);
      if (known !== undefined) {
        ids.push(known);
        duplicates.push(index);
        continue;
      }
      const id = nextId();
      ids.push(id);
      if (dedupId !== undefined) this.#windows.set(dedupId, id);
      this.#enter({
        id,
        payload: message.payload,
        priority: message.priority ?? 0,
        maxDeliveries: message.maxDeliveries ?? 5,
        expires: message.ttlMs !== undefined,
        deliveries: 0,
        expired: false,
        delayMs: message.delayMs ?? 0,
      });
    }
    return { ids, duplicates };
  }

  pop(manual: boolean, count: number): ModelMessage[] | 'too_many_in_flight' {
    if (this.paused) return [];
    const room = this.bounds.inFlight - this.#inflight.length;
    if (manual && room <= 0 && this.in('ready').length > 0) return 'too_many_in_flight';
    const taken: ModelMessage[] = [];
    const most = manual ? Math.min(count, room) : count;
    while (taken.length < most) {
      const message = this.#front.shift() ?? this.#waiting.shift();
      if (!message) break;
      message.deliveries += 1;
      taken.push(message);
      if (manual) this.#inflight.push(message);
    }
    return taken;
  }

  /** What was popped last with receipts could not be delivered. */
  undeliver(taken: readonly ModelMessage[]): void {
    this.#inflight = this.#inflight.filter((message) => !taken.includes(message));
    for (const message of taken) message.deliveries -= 1;
    this.#front.unshift(...taken);
  }

  ack(receipt: string): boolean {
    return this.#take(receipt) !== undefined;
  }

  nack(receipt: string, delayMs: number, dead: boolean): boolean {
    const message = this.#take(receipt);
    if (!message) return false;
    if (dead) this.#bury(message, 'rejected');
    else if (message.expired) return true;
    else if (message.deliveries >= message.maxDeliveries) this.#bury(message, 'max_deliveries');
    else this.#enter(Object.assign(message, { delayMs }));
    return true;
  }

  holds(receipt: string): boolean {
    return this.#inflight.some((message) => message.receipt === receipt);
  }

  /** The visibility of a delivery runs out. */
  lapse(message: ModelMessage): void {
    this.#inflight = this.#inflight.filter((one) => one !== message);
    delete message.receipt;
    if (message.expired) return;
    if (message.deliveries >= message.maxDeliveries) this.#bury(message, 'max_deliveries');
    else this.#front.push(message);
  }

  /** The first delayed message is due. */
  due(): ModelMessage | undefined {
    const message = this.#delayed.shift();
    if (message) this.#enter(Object.assign(message, { delayMs: 0 }));
    return message;
  }

  expire(message: ModelMessage): void {
    message.expired = true;
    this.#dropExpired();
  }

  redrive(count: number): number {
    const room = Math.max(this.bounds.length - this.length, 0);
    const moved = this.#dead.splice(0, Math.min(count, room));
    for (const message of moved) {
      delete message.reason;
      this.#enter(Object.assign(message, { deliveries: 0, delayMs: 0 }));
    }
    this.#dropExpired();
    return moved.length;
  }

  purge(state: MessageState): number {
    const removed = this.in(state).length;
    if (state === 'ready') [this.#front, this.#waiting] = [[], []];
    else if (state === 'delayed') this.#delayed = [];
    else if (state === 'inflight') this.#inflight = [];
    else this.#dead = [];
    return removed;
  }

  #take(receipt: string): ModelMessage | undefined {
    const message = this.#inflight.find((one) => one.receipt === receipt);
    if (!message) return undefined;
    this.#inflight = this.#inflight.filter((one) => one !== message);
    delete message.receipt;
    return message;
  }

  #enter(message: ModelMessage): void {
    const [list, before] =
      message.delayMs > 0
        ? [this.#delayed, (other: ModelMessage) => other.delayMs > message.delayMs]
        : [this.#waiting, (other: ModelMessage) => other.priority < message.priority];
    const at = list.findIndex(before);
    list.splice(at < 0 ? list.length : at, 0, message);
  }

  #bury(message: ModelMessage, reason: string): void {
    this.#dead.push(Object.assign(message, { reason }));
    this.#dead.splice(0, this.#dead.length - this.bounds.dead);
  }

  #dropExpired(): void {
    const stays = (message: ModelMessage) => !message.expired;
    this.#front = this.#front.filter(stays);
    this.#waiting = this.#waiting.filter(stays);
    this.#delayed = this.#delayed.filter(stays);
  }
}
