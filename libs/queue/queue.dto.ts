import { ValidateIf } from 'class-validator';
import {
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
  OnlyIf,
  Optional,
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

  @Optional()
  @IsWhole(0, YEAR_MS)
  delayMs?: number;

  @Optional()
  @IsWhole(0, 100)
  priority?: number;

  @Optional()
  @IsName()
  dedupId?: string;

  @Optional()
  @OnlyIf(({ dedupId }: MessageDto) => dedupId !== undefined, 'applies only beside dedupId')
  @IsWhole(1, YEAR_MS)
  dedupMs?: number;

  @Optional()
  @IsWhole(1, YEAR_MS)
  ttlMs?: number;

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

  @Optional()
  @IsWhole(1, 100)
  count?: number;

  @Optional()
  @IsWhole(0, MAX_WAIT_MS)
  waitMs?: number;

  @Optional()
  @IsOneOf('auto', 'manual')
  ack?: 'auto' | 'manual';

  @Optional()
  @OnlyIf(({ ack }: PopDto) => ack === 'manual', 'applies only to ack "manual"')
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

  /** One of the two must be given. */
  @ValidateIf(({ receipt, receipts }: AckDto) => receipt !== undefined || receipts === undefined)
  @OnlyIf(({ receipts }: AckDto) => receipts === undefined, 'does not apply beside receipts')
  @IsText(MAX_RECEIPT_LENGTH)
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

  @Optional()
  @OnlyIf(({ dead }: NackDto) => dead !== true, 'does not apply beside dead')
  @IsWhole(0, YEAR_MS)
  delayMs?: number;

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

  @Optional()
  @IsOneOf(...messageStates)
  state?: MessageState;
}

export class RedriveDto {
  @IsName()
  queue!: string;

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

  @Optional()
  @IsWholeText(1, 100)
  count?: number;

  @Optional()
  @IsOneOf(...messageStates)
  state?: MessageState;
}

export class ListQuery {
  @Optional()
  @IsName()
  prefix?: string;

  @Optional()
  @IsText(MAX_CURSOR_LENGTH)
  cursor?: string;

  @Optional()
  @IsWholeText(1, 1000)
  limit?: number;
}
