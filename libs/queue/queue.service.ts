import type { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { SETTINGS, type Settings } from '#lib/config';
import { Draining } from '#lib/http';
import { Membership } from '#lib/membership';
import type { RedisArgument } from '#lib/redis';
import type { QueueEvents } from './queue.events.js';
import { formatReceipt, newToken, parseReceipt } from './queue.receipt.js';
import { isReplay, scripts, type PopAnswer, type TakenMessage } from './queue.scripts.js';
import { QueueStore } from './queue.store.js';
import type {
  AckRequest,
  AckResult,
  Delivery,
  ExtendRequest,
  MessageToPush,
  NackRequest,
  PopRequest,
  PopResult,
  PushManyRequest,
  PushManyResult,
  PushRequest,
  PushResult,
  ReceiptResult,
} from './queue.types.js';
import { WaitingPops } from './waiting.pops.js';

/** A pop of several stops before this much payload, but gives at least one message. */
const MAX_POPPED_BYTES = 4 * 1024 * 1024;
const DEFAULT_VISIBILITY_MS = 30_000;
const DEFAULT_DEDUP_MS = 300_000;
const DEFAULT_MAX_DELIVERIES = 5;
/** Instead of a token, where messages were taken without receipts. */
const NO_TOKEN = '0';
/** BullMQ serves the lowest number first, and what has none before all: every message has one, 1 to 101. */
const BULLMQ_PRIORITY_OF_ZERO = 101;

/**
 * Queues for messages, at least once with a receipt, at most once without. Each method is one call of the HTTP
 * contract and answers what that call answers; bounds of fields are the caller's to keep.
 */
@Injectable()
export class QueueService implements OnModuleDestroy {
  /** What happens here, for metrics and the log. */
  readonly events: EventEmitter<QueueEvents>;
  readonly #waiting: WaitingPops;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly store: QueueStore,
    membership: Membership,
    draining: Draining,
  ) {
    this.events = store.events;
    this.#waiting = new WaitingPops(store, membership, draining.signal);
  }

  onModuleDestroy(): void {
    this.store.close();
  }

  /** How many pops wait on this node. */
  get waitingPops(): number {
    return this.#waiting.size;
  }

  /** How many queues this node keeps in memory. */
  get knownQueues(): number {
    return this.store.known;
  }

  /**
   * Pushes a message. It is in Redis when this returns.
   * @throws RedisUnavailable
   */
  async push(request: PushRequest): Promise<PushResult> {
    const pushed = await this.#push('push', request.queue, [request], request.requestId);
    if (!pushed.ok) return pushed;
    const [id = ''] = pushed.ids;
    return pushed.duplicates ? { ok: true, id, duplicate: true } : { ok: true, id };
  }

  /**
   * Pushes messages, all or none.
   * @throws RedisUnavailable
   */
  async pushMany(request: PushManyRequest): Promise<PushManyResult> {
    return await this.#push('push-many', request.queue, request.messages, request.requestId);
  }

  /**
   * Takes messages. Without a receipt (`ack: "auto"`) they are gone with the answer; with one (`"manual"`) they are
   * kept from others for `visibilityMs`, and come again unless acknowledged.
   * @param signal aborted when nobody waits for the answer any more: then nothing is taken, or put back
   * @throws RedisUnavailable, NodeDraining
   */
  async pop(request: PopRequest, signal?: AbortSignal): Promise<PopResult> {
    const { queue, waitMs = 0, ack = 'auto', count } = request;
    const token = newToken();
    const attempt = async (place: string, ticket: string, stay: boolean) =>
      await this.store.run(
        scripts.pop,
        queue,
        [
          ack,
          count ?? '',
          request.visibilityMs ?? DEFAULT_VISIBILITY_MS,
          token,
          this.settings.QUEUE_MAX_IN_FLIGHT,
          MAX_POPPED_BYTES,
          place,
          ticket,
          stay ? '1' : '0',
        ],
        remembered('pop', request.requestId),
        // Places that are taken in one go would have the same ticket.
        !stay && (count ?? 1) === 1,
      );

    let answer: PopAnswer | undefined;
    if (signal?.aborted === true) answer = undefined;
    else if (waitMs === 0) answer = await attempt('', '', false);
    else {
      const started = performance.now();
      const isGone = ack === 'auto' && request.requestId === undefined;
      answer = await this.#waiting.wait(queue, waitMs, attempt, signal, isGone);
      this.events.emit('waited', queue, performance.now() - started, answer?.[0] === 'ok');
    }

    if (answer?.[0] === 'too_many_in_flight') return { ok: false, reason: 'too_many_in_flight' };
    if (answer?.[0] !== 'ok') return { ok: false, reason: 'empty', item: null };
    // A repetition is answered in the form of the first call, whatever its own body says.
    const [, effects, taken, takenBy, counted] = answer;
    if (!isReplay(effects)) this.events.emit('popped', queue, taken.length, ack);
    if (takenBy !== NO_TOKEN && signal?.aborted === true) {
      await this.#undeliver(queue, takenBy, taken, request.requestId);
      return { ok: false, reason: 'empty', item: null };
    }
    return takenBy === NO_TOKEN ? asItems(taken, counted === 1) : asDeliveries(taken, takenBy, counted === 1);
  }

  /**
   * Acknowledges deliveries: their messages are gone. Valid receipts of a list are acknowledged whatever the others are.
   * @throws RedisUnavailable
   */
  async ack({ queue, receipt, receipts = receipt === undefined ? [] : [receipt] }: AckRequest): Promise<AckResult> {
    const parsed = receipts.map(parseReceipt);
    const args = parsed.flatMap((one) => [one?.id ?? '', one?.token ?? '']);
    const [, , staleIndexes] = await this.store.run(scripts.ack, queue, args, undefined, receipts.length === 1);
    const acked = receipts.length - staleIndexes.length;
    if (acked > 0) this.events.emit('acked', queue, acked);
    if (staleIndexes.length === 0) return { ok: true, acked };
    this.events.emit('stale', queue, staleIndexes.length);
    return { ok: false, reason: 'stale_receipt', acked, stale: staleIndexes.map((index) => receipts[index] ?? '') };
  }

  /**
   * Gives a delivery back: to the end of its priority, there after a delay, or to the dead letters.
   * @throws RedisUnavailable
   */
  async nack(request: NackRequest): Promise<ReceiptResult> {
    const { queue, delayMs = 0, dead = false } = request;
    const receipt = parseReceipt(request.receipt);
    const answer = await this.store.run(
      scripts.nack,
      queue,
      [receipt?.id ?? '', receipt?.token ?? '', delayMs, dead ? '1' : '0'],
      remembered('nack', request.requestId),
    );
    if (answer[0] === 'stale_receipt') return this.#stale(queue);
    const [, effects, where] = answer;
    if (!isReplay(effects)) {
      if (where === 'rejected' || where === 'max_deliveries') this.events.emit('dead', queue, 1, where);
      else if (where !== 'expired') this.events.emit('returned', queue, 1);
    }
    return { ok: true };
  }

  /**
   * Keeps a delivery from others for `visibilityMs` from now.
   * @throws RedisUnavailable
   */
  async extend({ queue, receipt: text, visibilityMs }: ExtendRequest): Promise<ReceiptResult> {
    const receipt = parseReceipt(text);
    const args = [receipt?.id ?? '', receipt?.token ?? '', visibilityMs];
    const [status] = await this.store.run(scripts.extend, queue, args);
    return status === 'ok' ? { ok: true } : this.#stale(queue);
  }

  async #push(
    route: 'push' | 'push-many',
    queue: string,
    messages: readonly MessageToPush[],
    requestId: string | undefined,
  ): Promise<PushManyResult> {
    const answer = await this.store.run(
      scripts.push,
      queue,
      [this.settings.QUEUE_MAX_LENGTH, ...messages.flatMap(asArguments)],
      remembered(route, requestId),
      messages.length === 1,
    );
    if (answer[0] === 'full') {
      this.events.emit('full', queue);
      return { ok: false, reason: 'full' };
    }
    const [, effects, ids, duplicates] = answer;
    if (!isReplay(effects)) this.events.emit('pushed', queue, ids.length - duplicates.length, duplicates.length);
    return duplicates.length > 0 ? { ok: true, ids, duplicates } : { ok: true, ids };
  }

  async #undeliver(queue: string, token: string, taken: TakenMessage[], requestId?: string): Promise<void> {
    const args = [token, ...taken.map(([id]) => id)];
    const [status, count] = await this.store.run(scripts.undeliver, queue, args, remembered('pop', requestId));
    if (status === 'ok') this.events.emit('returned', queue, count);
  }

  #stale(queue: string): { ok: false; reason: 'stale_receipt' } {
    this.events.emit('stale', queue, 1);
    return { ok: false, reason: 'stale_receipt' };
  }
}

function remembered(route: string, requestId: string | undefined): { route: string; id: string } | undefined {
  return requestId === undefined ? undefined : { route, id: requestId };
}

/** One message as the push script takes it. */
function asArguments(message: MessageToPush): RedisArgument[] {
  const payload = JSON.stringify(message.payload) as string | undefined;
  if (payload === undefined) throw new TypeError('payload must be a JSON value');
  return [
    payload,
    message.delayMs ?? 0,
    BULLMQ_PRIORITY_OF_ZERO - (message.priority ?? 0),
    message.dedupId ?? '',
    message.dedupMs ?? DEFAULT_DEDUP_MS,
    message.ttlMs ?? 0,
    message.maxDeliveries ?? DEFAULT_MAX_DELIVERIES,
  ];
}

function asItems(taken: TakenMessage[], asList: boolean): PopResult {
  const items = taken.map(([, payload]) => JSON.parse(payload) as unknown);
  return asList ? { ok: true, items } : { ok: true, item: items[0] };
}

function asDeliveries(taken: TakenMessage[], token: string, asList: boolean): PopResult {
  const messages = taken.map(([id, payload, deliveries]): Delivery => ({
    item: JSON.parse(payload) as unknown,
    id,
    receipt: formatReceipt({ id, token }),
    deliveries,
  }));
  const [first] = messages;
  return first && !asList ? { ok: true, ...first } : { ok: true, messages };
}
