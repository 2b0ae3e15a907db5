import { getNextMillis } from 'bullmq';
import { ValidateBy, ValidateIf } from 'class-validator';
import { IsJson, IsName, IsWhole, OnlyIf, Optional } from '#lib/http';

const YEAR_MS = 31_536_000_000;

/** A cron expression of 5 or 6 fields that has a next time. */
function IsCron(): PropertyDecorator {
  return ValidateBy({
    name: 'cron',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isCron(value),
      defaultMessage: () => 'must be a cron expression of 5 or 6 fields that has a next time',
    },
  });
}

function IsTimezone(): PropertyDecorator {
  return ValidateBy({
    name: 'timezone',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isTimezone(value),
      defaultMessage: () => 'must be a time zone like Europe/Berlin',
    },
  });
}

function isCron(value: string): boolean {
  const fields = value.trim().split(/\s+/).length;
  if (value.length > 256 || fields < 5 || fields > 6) return false;
  try {
    return getNextMillis(Date.now(), { pattern: value }) !== undefined;
  } catch {
    return false;
  }
}

function isTimezone(value: string): boolean {
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

  /** One of the two must be given. */
  @ValidateIf(({ cron, everyMs }: ScheduleDto) => cron !== undefined || everyMs === undefined)
  @OnlyIf(({ everyMs }: ScheduleDto) => everyMs === undefined, 'does not apply beside everyMs')
  @IsCron()
  cron?: string;

  @Optional()
  @OnlyIf(({ cron }: ScheduleDto) => cron !== undefined, 'applies only beside cron')
  @IsTimezone()
  timezone?: string;

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
