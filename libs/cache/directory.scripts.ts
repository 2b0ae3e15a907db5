import { MEMBERSHIP_INCLUDES } from '#lib/membership';
import { loadScript } from '#lib/redis';
import type { FillAnswer, LineState, Outcome, OutcomeCode, Write, WriteAnswer, WriteResult } from './line.types.js';

const folder = new URL('./scripts/', import.meta.url);
const load = <Answer>(file: string) => loadScript<Answer>(folder, file, [MEMBERSHIP_INCLUDES]);

type Answered = [nowMicros: string, ...string[]];

/** The directory's scripts; what each takes and answers stands at its head. */
export const scripts = {
  fill: load<Answered>('fill-1'),
  fillFull: load<Answered>('fill-full-1'),
  begin: load<[nowMicros: string, ...string[][]]>('begin-4'),
  beginDelete: load<[nowMicros: string, ...string[][]]>('begin-delete-4'),
  ack: load<Answered>('ack-4'),
  poll: load<Answered>('poll-4'),
  inspect: load<string[]>('inspect-1'),
  due: load<string[]>('due-1'),
};

/** Kinds of the messages that scripts publish; their fields are name, then as {@link parseResult} and the like take them. */
export const messageKinds = { invalidate: 'cache.invalidate', shared: 'cache.shared', result: 'cache.result' };

/** The arguments that describe one write to BEGIN. */
export function writeArguments({ id, grant, repeatable, change }: Write): (string | number)[] {
  const { kind } = change;
  const json = kind === 'write' ? change.json : kind === 'increment' ? String(change.by) : '';
  const ttl = kind === 'write' || kind === 'increment' ? change.ttlMs : undefined;
  const ifVersion = kind === 'expire' ? change.version : kind === 'increment' ? undefined : change.ifVersion;
  const fence = kind === 'write' || kind === 'delete' ? change.fence : undefined;
  return [
    id,
    grant,
    repeatable ? '1' : '',
    kind,
    json,
    ttl ?? '',
    ifVersion ?? '',
    fence?.lock ?? '',
    fence?.token ?? '',
  ];
}

export function parseFill([, kind, ...fields]: readonly string[]): FillAnswer {
  if (kind === 'absent') return { kind };
  if (kind === 'expired') return { kind, version: Number(fields[0]) };
  const [json = '', version, expiresInMs, found, granted, roundOpen] = fields;
  return {
    kind: 'value',
    json,
    version: Number(version),
    found: found as LineState,
    roundOpen: roundOpen === '1',
    ...(expiresInMs !== '' && { expiresInMs: Number(expiresInMs) }),
    ...(granted !== '' && { granted: granted as LineState }),
  };
}

/** @param answer of one write in BEGIN, or of POLL without its time */
export function parseWrite(id: string, [kind, ...fields]: readonly string[]): WriteAnswer {
  if (kind !== 'done') return { kind: kind === 'pending' ? 'pending' : 'unknown' };
  return { kind, result: parseResult(id, fields) };
}

/** @param fields code, version, number, epoch, grant, expiresInMs; empty where there is none */
export function parseResult(
  id: string,
  [code, version, number, epoch, grant, expiresInMs]: readonly string[],
): WriteResult {
  const outcome: Outcome = {
    code: code as OutcomeCode,
    ...(version !== '' && { version: Number(version) }),
    ...(number !== '' && { number: Number(number) }),
  };
  return {
    id,
    outcome,
    ...(epoch !== '' && { holder: { epoch: Number(epoch), grant: Number(grant) } }),
    ...(expiresInMs !== '' && { expiresInMs: Number(expiresInMs) }),
  };
}
