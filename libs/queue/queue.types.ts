/** Any JSON value. */
export type Payload = unknown;

export interface MessageToPush {
  readonly payload: Payload;
  /** Not delivered before; default 0. */
  readonly delayMs?: number;
  /** 0 to 100, larger first; default 0. */
  readonly priority?: number;
  /** A second message with this id within `dedupMs` (5 minutes) is not pushed. */
  readonly dedupId?: string;
  readonly dedupMs?: number;
  /** Dropped if not delivered within; default never. */
  readonly ttlMs?: number;
  /** After so many deliveries the next return makes it a dead letter; default 5. */
  readonly maxDeliveries?: number;
}

export interface PushRequest extends MessageToPush {
  readonly queue: string;
  readonly requestId?: string;
}

export interface PushManyRequest {
  readonly queue: string;
  readonly messages: readonly MessageToPush[];
  readonly requestId?: string;
}

export interface PopRequest {
  readonly queue: string;
  /** At most so many, 1 to 100; with it the answer is a list. */
  readonly count?: number;
  /** How long to wait for a message; default 0. */
  readonly waitMs?: number;
  readonly ack?: 'auto' | 'manual';
  /** For how long a delivery is kept from others; manual only, default 30 000. */
  readonly visibilityMs?: number;
  readonly requestId?: string;
}

export interface AckRequest {
  readonly queue: string;
  readonly receipt?: string;
  readonly receipts?: readonly string[];
}

export interface NackRequest {
  readonly queue: string;
  readonly receipt: string;
  readonly delayMs?: number;
  readonly dead?: boolean;
  readonly requestId?: string;
}

export interface ExtendRequest {
  readonly queue: string;
  readonly receipt: string;
  readonly visibilityMs: number;
}

export interface RedriveRequest {
  readonly queue: string;
  readonly count?: number;
  readonly requestId?: string;
}

export const messageStates = ['ready', 'delayed', 'inflight', 'dead'] as const;
export type MessageState = (typeof messageStates)[number];

export interface Refusal<Reason extends string> {
  readonly ok: false;
  readonly reason: Reason;
}

export interface Delivery {
  readonly item: Payload;
  readonly id: string;
  readonly receipt: string;
  readonly deliveries: number;
}

export type PushResult = { ok: true; id: string; duplicate?: true } | Refusal<'full'>;
export type PushManyResult = { ok: true; ids: string[]; duplicates?: number[] } | Refusal<'full'>;
export type PopResult =
  | { ok: true; item: Payload }
  | { ok: true; items: Payload[] }
  | ({ ok: true } & Delivery)
  | { ok: true; messages: Delivery[] }
  | { ok: false; reason: 'empty'; item: null }
  | Refusal<'too_many_in_flight'>;
export type AckResult = { ok: true; acked: number } | (Refusal<'stale_receipt'> & { acked: number; stale: string[] });
export type ReceiptResult = { ok: true } | Refusal<'stale_receipt'>;

export interface QueueStats {
  readonly queue: string;
  readonly ready: number;
  readonly delayed: number;
  readonly inflight: number;
  readonly dead: number;
  readonly paused: boolean;
  /** Age since its push of the oldest message that is ready; null where none is. */
  readonly oldestMs: number | null;
}

export interface PeekedDelivery {
  readonly id: string;
  readonly item: Payload;
  readonly deliveries: number;
  readonly priority: number;
  readonly enqueuedAt: number;
  /** delayed: when it is due. */
  readonly dueAt?: number;
  /** inflight: until when it is kept from others. */
  readonly visibleAt?: number;
  /** dead: since when and why. */
  readonly deadAt?: number;
  readonly reason?: string;
}
