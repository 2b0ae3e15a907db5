import { Each, IsName, IsNames, IsOneOf, IsText, IsWhole, IsWholeText, OnlyIf, Optional } from '#lib/http';
import type { LockMode } from './lock.types.js';

const MAX_LEASE_MS = 86_400_000;
const MAX_WAIT_MS = 60_000;

const sharedOnly = OnlyIf((dto: { mode: unknown }) => dto.mode === 'shared', 'applies to shared only');

export class AcquireDto {
  @IsName() name!: string;
  @IsOneOf('exclusive', 'shared') mode!: LockMode;
  @IsName() owner!: string;
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
  @Optional() @IsWhole(0, MAX_WAIT_MS) waitMs?: number;
  @Optional() @IsWhole(1, 1_000_000) @sharedOnly limit?: number;
}

export class ReleaseDto {
  @IsName() name!: string;
  @IsName() owner!: string;
  @Optional() @IsOneOf('exclusive', 'shared') mode?: LockMode;
  @Optional() @IsWhole(0, Number.MAX_SAFE_INTEGER) token?: number;
}

export class RenewDto {
  @IsName() owner!: string;
  @Optional() @IsNames(1, 1000) names?: string[];
  @Optional()
  @IsName()
  @OnlyIf((dto: RenewDto) => dto.names === undefined, 'does not apply beside names')
  name?: string;
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
}

export class LockQuery {
  @IsName() name!: string;
}

export class WantedLockDto {
  @IsName() name!: string;
  @IsOneOf('exclusive', 'shared') mode!: LockMode;
  @Optional() @IsWhole(1, 1_000_000) @sharedOnly limit?: number;
}

export class AcquireManyDto {
  @Each(() => WantedLockDto, 1, 64) locks!: WantedLockDto[];
  @IsName() owner!: string;
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
  @Optional() @IsWhole(0, MAX_WAIT_MS) waitMs?: number;
}

export class LocksQuery {
  @Optional() @IsName() prefix?: string;
  @Optional() @IsName() owner?: string;
  @Optional() @IsText(8192) cursor?: string;
  @Optional() @IsWholeText(1, 1000) limit?: number;
}
