import type { Json, JsonObject } from '../../cluster/index.js';
import { clarityOf, clearAttempt, invokedAt, messagesOf, type Attempt, type Call } from './history.js';

/** One message of a push or push-many, as far as that call knows what became of it. */
export interface Push {
  readonly call: Call;
  /** Its place among the messages of the call. */
  readonly index: number;
  readonly payload: Json;
  readonly invoked: number;
  /** When it had certainly been done; Infinity where that is not known. */
  readonly completed: number;
  readonly outcome: 'pushed' | 'perhaps' | 'refused';
  readonly id?: string;
  readonly duplicate: boolean;
}

/** One attempt to acknowledge, give back or extend, for one receipt. */
export interface Use {
  readonly call: Call;
  readonly attempt: Attempt;
  readonly kind: 'ack' | 'nack' | 'extend';
  readonly outcome: 'ok' | 'stale' | 'perhaps';
}

/** A message in the clear answer of a pop. It was taken at some time between `invoked` and `completed`. */
export interface Delivery {
  readonly message: Message;
  readonly call: Call;
  readonly node: string;
  /** Its place in the answer. */
  readonly index: number;
  readonly auto: boolean;
  readonly payload: Json;
  readonly invoked: number;
  readonly completed: number;
  readonly id?: string;
  readonly receipt?: string;
  readonly number?: number;
  readonly visibilityMs: number;
  /** By time. */
  readonly uses: Use[];
}

/** All that was seen of one message; one of a dedupId may have been pushed by several. */
export interface Message {
  readonly key: string;
  readonly queue: string;
  readonly pushes: Push[];
  /** By the completion of their pops. */
  readonly deliveries: Delivery[];
}

/** A history by message. */
export interface Account {
  readonly calls: readonly Call[];
  readonly messages: readonly Message[];
  /** Deliveries of what nobody pushed; a message each. */
  readonly ghosts: readonly Message[];
}

/** More deliveries than any message gets in a round. */
export const UNLIMITED = 1000;
const DEFAULT_MAX_DELIVERIES = 5;
const DEFAULT_VISIBILITY_MS = 30_000;

/** Puts a history in order: what was pushed, delivered, acknowledged, with what is certain and what is not. */
export function accountOf(calls: readonly Call[]): Account {
  const byKey = new Map<string, Message>();
  const byName = new Map<string, Message>();
  const byReceipt = new Map<string, Delivery>();
  const ghosts: Message[] = [];
  for (const call of calls) {
    if (call.kind !== 'push' && call.kind !== 'push-many') continue;
    for (const push of pushesOf(call)) {
      const name = nameOf(call.queue, push.payload);
      const dedupId = messagesOf(call)[push.index]?.['dedupId'];
      const key = typeof dedupId === 'string' ? `${call.queue} dedupId ${dedupId}` : name;
      const message = byKey.get(key) ?? { key, queue: call.queue, pushes: [], deliveries: [] };
      byKey.set(key, message);
      byName.set(name, message);
      message.pushes.push(push);
    }
  }
  for (const call of calls) {
    for (const [index, item] of deliveredBy(call).entries()) {
      const name = nameOf(call.queue, item['item'] ?? null);
      const known = byName.get(name);
      const message = known ?? { key: name, queue: call.queue, pushes: [], deliveries: [] };
      const delivery = deliveryOf(call, message, item, index);
      message.deliveries.push(delivery);
      if (!known) ghosts.push(message);
      if (delivery.receipt !== undefined) byReceipt.set(delivery.receipt, delivery);
    }
  }
  for (const call of calls) for (const [receipt, use] of usesOf(call)) byReceipt.get(receipt)?.uses.push(use);
  const messages = [...byKey.values()];
  for (const { deliveries } of [...messages, ...ghosts]) {
    deliveries.sort((a, b) => a.completed - b.completed);
    for (const { uses } of deliveries) uses.sort((a, b) => a.attempt.invoked - b.attempt.invoked);
  }
  return { calls, messages, ghosts };
}

/** How a message was asked for: its priority, delay and so on. */
export function askedOf({ call, index }: Push): JsonObject {
  return messagesOf(call)[index] ?? {};
}

/** After so many deliveries the message is a dead letter. */
export function maxDeliveriesOf({ pushes }: Message): number {
  return Math.min(...pushes.map((push) => Number(askedOf(push)['maxDeliveries'] ?? DEFAULT_MAX_DELIVERIES)));
}

/** Whether it may have been a dead letter, after which its deliveries are counted anew. */
export function mayHaveBeenDead(message: Message): boolean {
  const rejected = message.deliveries.some(({ uses }) =>
    uses.some(({ kind, outcome, call }) => kind === 'nack' && call.body['dead'] === true && outcome !== 'stale'),
  );
  return rejected || maxDeliveriesOf(message) < UNLIMITED;
}

/** Payloads say who they are; the rest of them must come back too, but is compared apart. */
function nameOf(queue: string, payload: Json): string {
  const name = typeof payload === 'object' && payload !== null ? (payload as JsonObject)['name'] : payload;
  return `${queue} ${JSON.stringify(name ?? null)}`;
}

function pushesOf(call: Call): Push[] {
  const clear = clearAttempt(call);
  const { ok, id, ids, duplicate, duplicates } = (clear?.answer?.body ?? {}) as PushAnswer;
  const refused = call.attempts.every((attempt) => clarityOf(attempt) === 'nothing');
  const outcome = ok === true ? 'pushed' : refused ? 'refused' : 'perhaps';
  return messagesOf(call).map(({ payload = null }, index) => {
    const own = call.kind === 'push' ? id : ids?.[index];
    return {
      call,
      index,
      payload,
      invoked: invokedAt(call),
      completed: ok === true && clear ? clear.completed : Infinity,
      outcome,
      ...(own !== undefined && { id: own }),
      duplicate: duplicate === true || duplicates?.includes(index) === true,
    };
  });
}

interface PushAnswer {
  readonly ok?: boolean;
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly duplicate?: boolean;
  readonly duplicates?: readonly number[];
}

function deliveredBy(call: Call): readonly JsonObject[] {
  const body = call.kind === 'pop' ? clearAttempt(call)?.answer?.body : undefined;
  if (body?.['ok'] !== true) return [];
  if (Array.isArray(body['items'])) return (body['items'] as readonly Json[]).map((item) => ({ item }));
  return (body['messages'] ?? [body]) as readonly JsonObject[];
}

function deliveryOf(call: Call, message: Message, item: JsonObject, index: number): Delivery {
  const clear = clearAttempt(call);
  const { id, receipt, deliveries } = item as { id?: string; receipt?: string; deliveries?: number };
  return {
    message,
    call,
    node: clear?.node ?? '',
    index,
    auto: receipt === undefined,
    payload: item['item'] ?? null,
    invoked: invokedAt(call),
    completed: clear?.completed ?? Infinity,
    ...(id !== undefined && { id }),
    ...(receipt !== undefined && { receipt }),
    ...(deliveries !== undefined && { number: deliveries }),
    visibilityMs: Number(call.body['visibilityMs'] ?? DEFAULT_VISIBILITY_MS),
    uses: [],
  };
}

function* usesOf(call: Call): Iterable<[receipt: string, use: Use]> {
  const { kind, body, attempts } = call;
  if (kind !== 'ack' && kind !== 'nack' && kind !== 'extend') return;
  const receipts = (body['receipts'] ?? [body['receipt']]) as readonly string[];
  for (const attempt of attempts) {
    const clarity = clarityOf(attempt);
    if (clarity === 'nothing') continue;
    const answer = attempt.answer?.body ?? {};
    const stale = (answer['stale'] ?? (answer['ok'] === true ? [] : receipts)) as readonly string[];
    for (const receipt of receipts) {
      const told = stale.includes(receipt) ? 'stale' : 'ok';
      yield [receipt, { call, attempt, kind, outcome: clarity === 'clear' ? told : 'perhaps' }];
    }
  }
}
