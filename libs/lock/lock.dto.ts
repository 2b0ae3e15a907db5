import { Each, IsName, IsNames, IsOneOf, IsText, IsWhole, IsWholeText, Optional, Or, When } from '#lib/http';
import type { LockMode } from './lock.types.js';

const MAX_LEASE_MS = 86_400_000;
const MAX_WAIT_MS = 60_000;

export class AcquireDto {
  @IsName() name!: string;
  @IsOneOf('exclusive', 'shared') mode!: LockMode;
  @IsName() owner!: string;
  /** How long the hold lasts unless renewed; 30 000 unless given. */
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
  /** How long to wait for the lock; 0, not at all, unless given. */
  @Optional() @IsWhole(0, MAX_WAIT_MS) waitMs?: number;
  /** Shared only: granted if then at most this many hold it. */
  @Optional() @IsWhole(1, 1_000_000) @When('mode', 'shared') limit?: number;
}

export class ReleaseDto {
  @IsName() name!: string;
  @IsName() owner!: string;
  /** Refused as `not_held` where the hold is of the other mode. */
  @Optional() @IsOneOf('exclusive', 'shared') mode?: LockMode;
  /** Refused as `stale_token` where the hold has another token. */
  @Optional() @IsWhole(0, Number.MAX_SAFE_INTEGER) token?: number;
}

export class RenewDto {
  @IsName() owner!: string;
  @Optional() @IsNames(1, 1000) names?: string[];
  /** Instead of `names`. */
  @IsName() @Or('names') name?: string;
  /** Each hold's last lease unless given; may move its end to an earlier time. */
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
}

export class LockQuery {
  @IsName() name!: string;
}

export class WantedLockDto {
  @IsName() name!: string;
  @IsOneOf('exclusive', 'shared') mode!: LockMode;
  /** Shared only: granted if then at most this many hold it. */
  @Optional() @IsWhole(1, 1_000_000) @When('mode', 'shared') limit?: number;
}

export class AcquireManyDto {
  /** Each name at most once: twice is 400. */
  @Each(() => WantedLockDto, 1, 64) locks!: WantedLockDto[];
  @IsName() owner!: string;
  /** How long the holds last unless renewed; 30 000 unless given. */
  @Optional() @IsWhole(100, MAX_LEASE_MS) leaseMs?: number;
  /** How long to wait for all of them; 0, not at all, unless given. */
  @Optional() @IsWhole(0, MAX_WAIT_MS) waitMs?: number;
}

export class LocksQuery {
  /** Beginning of the names; all unless given. */
  @Optional() @IsName() prefix?: string;
  /** Only locks that this owner holds or waits for. */
  @Optional() @IsName() owner?: string;
  /** Of the page before; any other text is 400. */
  @Optional() @IsText(8192) cursor?: string;
  /** Most locks of a page; 100 unless given. */
  @Optional() @IsWholeText(1, 1000) limit?: number;
}
