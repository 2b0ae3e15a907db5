import { IsJson, IsName, IsNames, IsOneOf, IsRequestId, IsText, IsWhole, IsWholeText, One, Optional } from '#lib/http';
import type { Fence, LineState } from './line.types.js';

const MAX = Number.MAX_SAFE_INTEGER;
const MAX_TTL_MS = 31_536_000_000;

class FenceDto implements Fence {
  @IsName() lock!: string;
  @IsWhole(0, MAX) token!: number;
}

export class WriteDto {
  @IsName() key!: string;
  @IsJson() value!: unknown;
  /** After which the line is absent; never unless given. */
  @Optional() @IsWhole(1, MAX_TTL_MS) ttlMs?: number;
  /** Only if the line has this version; 0: only if it is absent. */
  @Optional() @IsWhole(0, MAX) ifVersion?: number;
  /** The lock under which this is written: refused where the line has seen a higher token of it. At most 16 locks per line. */
  @One(() => FenceDto) fence?: Fence;
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
  /** Only if the line has this version. */
  @Optional() @IsWhole(0, MAX) ifVersion?: number;
  /** The lock under which this is deleted: refused where the line has seen a higher token of it. At most 16 locks per line. */
  @One(() => FenceDto) fence?: Fence;
  @Optional() @IsRequestId() requestId?: string;
}

export class IncrementDto {
  @IsName() key!: string;
  /** 1 unless given. */
  @Optional() @IsWhole(-MAX, MAX) by?: number;
  /** Sets the line's expiry; it stays as it is unless given. */
  @Optional() @IsWhole(1, MAX_TTL_MS) ttlMs?: number;
  @Optional() @IsRequestId() requestId?: string;
}

export class LinesQuery {
  @Optional() @IsOneOf('M', 'E', 'S') state?: LineState;
  /** Of the page before; any other text is 400. */
  @Optional() @IsText(4096) cursor?: string;
  /** Most lines of a page; 100 unless given. */
  @Optional() @IsWholeText(1, 1000) limit?: number;
}
