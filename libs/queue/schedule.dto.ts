import { getNextMillis } from 'bullmq';
import { Beside, field, IsJson, IsName, IsWhole, Optional, Or } from '#lib/http';

const YEAR_MS = 31_536_000_000;
const MAX_CRON_LENGTH = 256;

/** A cron expression of 5 or 6 fields that has a next time. */
function IsCron(): PropertyDecorator {
  const must = 'must be a cron expression of 5 or 6 fields that has a next time';
  return field('cron', isCron, must, {
    type: 'string',
    minLength: 9,
    maxLength: MAX_CRON_LENGTH,
    examples: ['0 6 * * 1-5'],
    description: 'A cron expression of 5 or 6 fields that has a next time. Instead of `everyMs`.',
  });
}

function IsTimezone(): PropertyDecorator {
  return field('timezone', isTimezone, 'must be a time zone like Europe/Berlin', {
    type: 'string',
    minLength: 1,
    examples: ['Europe/Berlin'],
    description: 'A time zone of the IANA database, or an offset like +01:00. UTC unless given.',
  });
}

function isCron(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const fields = value.trim().split(/\s+/).length;
  if (value.length > MAX_CRON_LENGTH || fields < 5 || fields > 6) return false;
  try {
    return getNextMillis(Date.now(), { pattern: value }) !== undefined;
  } catch {
    return false;
  }
}

function isTimezone(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export class ScheduleDto {
  @IsName()
  queue!: string;

  @IsName()
  id!: string;

  @IsJson()
  payload: unknown;

  @IsCron()
  @Or('everyMs')
  cron?: string;

  @Optional()
  @Beside('cron')
  @IsTimezone()
  timezone?: string;

  /** The interval; the first run is one interval from now. */
  @Optional()
  @IsWhole(1000, YEAR_MS)
  everyMs?: number;
}

export class ScheduleQuery {
  @IsName()
  queue!: string;

  @IsName()
  id!: string;
}
