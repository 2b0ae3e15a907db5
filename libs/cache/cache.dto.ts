import { ValidateBy } from 'class-validator';
import { IsJson, IsName, IsNames, IsOneOf, IsRequestId, IsText, IsWhole, IsWholeText, Optional } from '#lib/http';
import type { Fence, LineState } from './line.types.js';

const MAX = Number.MAX_SAFE_INTEGER;
const MAX_TTL_MS = 31_536_000_000;
/** As http's names: 1 to 512 code points, no control characters, no lone surrogates. */
const LOCK_NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;

/** `{lock, token}`, nothing else. */
function IsFence(): PropertyDecorator {
  return ValidateBy({
    name: 'fence',
    validator: { validate: isFence, defaultMessage: () => 'must be {"lock": name, "token": whole number}' },
  });
}

function isFence(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { lock, token, ...rest } = value as Record<string, unknown>;
  const named = typeof lock === 'string' && LOCK_NAME.test(lock);
  return named && Number.isSafeInteger(token) && (token as number) >= 0 && Object.keys(rest).length === 0;
}

export class WriteDto {
  @IsName() key!: string;
  @IsJson() value!: unknown;
  @Optional() @IsWhole(1, MAX_TTL_MS) ttlMs?: number;
  @Optional() @IsWhole(0, MAX) ifVersion?: number;
  @Optional() @IsFence() fence?: Fence;
  @Optional() @IsRequestId() requestId?: string;
}

export class ReadQuery {
  @IsName() key!: string;
}

export class ReadManyDto {
  @IsNames(1, 1000) keys!: string[];
}

export class DeleteDto {
  @IsName() key!: string;
  @Optional() @IsWhole(0, MAX) ifVersion?: number;
  @Optional() @IsFence() fence?: Fence;
  @Optional() @IsRequestId() requestId?: string;
}

export class IncrementDto {
  @IsName() key!: string;
  @Optional() @IsWhole(-MAX, MAX) by?: number;
  @Optional() @IsWhole(1, MAX_TTL_MS) ttlMs?: number;
  @Optional() @IsRequestId() requestId?: string;
}

export class LinesQuery {
  @Optional() @IsOneOf('M', 'E', 'S') state?: LineState;
  @Optional() @IsText(4096) cursor?: string;
  @Optional() @IsWholeText(1, 1000) limit?: number;
}
