import {
  Beside,
  Each,
  Ignored,
  IsFlag,
  IsJson,
  IsName,
  IsOneOf,
  IsRequestId,
  IsText,
  IsTexts,
  IsWhole,
  IsWholeText,
  Optional,
  Or,
  Unless,
  When,
} from '#lib/http';
import { messageStates, type MessageState } from './queue.types.js';

const YEAR_MS = 31_536_000_000;
const MAX_WAIT_MS = 60_000;
const MIN_VISIBILITY_MS = 100;
const MAX_VISIBILITY_MS = 43_200_000;
const MAX_RECEIPT_LENGTH = 256;
const MAX_CURSOR_LENGTH = 8192;

/** One message of push and push-many. */
export class MessageDto {
  @IsJson()
  payload: unknown;

  /** Not delivered before; 0 unless given. */
  @Optional()
  @IsWhole(0, YEAR_MS)
  delayMs?: number;

  /** Larger first; 0 unless given. */
  @Optional()
  @IsWhole(0, 100)
  priority?: number;

  /** A second message with this id within `dedupMs` is not pushed. */
  @Optional()
  @IsName()
  dedupId?: string;

  /** 300 000 (5 minutes) unless given. */
  @Optional()
  @Beside('dedupId')
  @IsWhole(1, YEAR_MS)
  dedupMs?: number;

  /** From the push: dropped if not delivered within; never unless given. */
  @Optional()
  @IsWhole(1, YEAR_MS)
  ttlMs?: number;

  /** After so many deliveries the next return makes it a dead letter; 5 unless given. */
  @Optional()
  @IsWhole(1, 1000)
  maxDeliveries?: number;
}

export class PushDto extends MessageDto {
  @IsName()
  queue!: string;

  @Optional()
  @IsRequestId()
  requestId?: string;
}

export class PushManyDto {
  @IsName()
  queue!: string;

  @Each(() => MessageDto, 1, 1000)
  messages!: MessageDto[];

  @Optional()
  @IsRequestId()
  requestId?: string;
}

export class PopDto {
  @IsName()
  queue!: string;

  /** At most so many messages, and the answer is a list. */
  @Optional()
  @IsWhole(1, 100)
  count?: number;

  /** How long to wait for a message; 0, not at all, unless given. */
  @Optional()
  @IsWhole(0, MAX_WAIT_MS)
  waitMs?: number;

  /** `auto` (unless given): gone with the answer. `manual`: delivered with a receipt, at least once. */
  @Optional()
  @IsOneOf('auto', 'manual')
  ack?: 'auto' | 'manual';

  /** For how long the delivery is kept from others; 30 000 unless given. */
  @Optional()
  @When('ack', 'manual')
  @IsWhole(MIN_VISIBILITY_MS, MAX_VISIBILITY_MS)
  visibilityMs?: number;

  @Optional()
  @IsRequestId()
  requestId?: string;

  @Ignored()
  payload?: unknown;
}

export class AckDto {
  @IsName()
  queue!: string;

  /** Instead of `receipts`. */
  @IsText(MAX_RECEIPT_LENGTH)
  @Or('receipts')
  receipt?: string;

  @Optional()
  @IsTexts(1, 1000, MAX_RECEIPT_LENGTH)
  receipts?: string[];
}

export class NackDto {
  @IsName()
  queue!: string;

  @IsText(MAX_RECEIPT_LENGTH)
  receipt!: string;

  /** To the end of its priority after so long; at once unless given. */
  @Optional()
  @Unless('dead')
  @IsWhole(0, YEAR_MS)
  delayMs?: number;

  /** Straight to the dead letters. */
  @Optional()
  @IsFlag()
  dead?: boolean;

  @Optional()
  @IsRequestId()
  requestId?: string;
}

export class ExtendDto {
  @IsName()
  queue!: string;

  @IsText(MAX_RECEIPT_LENGTH)
  receipt!: string;

  /** From now on. */
  @IsWhole(MIN_VISIBILITY_MS, MAX_VISIBILITY_MS)
  visibilityMs!: number;
}

export class QueueDto {
  @IsName()
  queue!: string;
}

export class PurgeDto {
  @IsName()
  queue!: string;

  /** All four unless given. */
  @Optional()
  @IsOneOf(...messageStates)
  state?: MessageState;
}

export class RedriveDto {
  @IsName()
  queue!: string;

  /** At most so many; all unless given. */
  @Optional()
  @IsWhole(1, 1_000_000_000)
  count?: number;

  @Optional()
  @IsRequestId()
  requestId?: string;
}

export class PeekQuery {
  @IsName()
  queue!: string;

  /** At most so many; 10 unless given. */
  @Optional()
  @IsWholeText(1, 100)
  count?: number;

  /** `ready` unless given. */
  @Optional()
  @IsOneOf(...messageStates)
  state?: MessageState;
}

export class ListQuery {
  /** Beginning of the names; all unless given. */
  @Optional()
  @IsName()
  prefix?: string;

  /** Of the page before; any other text is 400. */
  @Optional()
  @IsText(MAX_CURSOR_LENGTH)
  cursor?: string;

  /** Most queues of a page; 100 unless given. */
  @Optional()
  @IsWholeText(1, 1000)
  limit?: number;
}
