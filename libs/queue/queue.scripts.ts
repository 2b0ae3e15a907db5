import { loadScript, type LuaScript } from '#lib/redis';
import { withBullmq } from './bullmq.lua.js';

const folder = new URL('./scripts/', import.meta.url);

/** What time alone did in a script: redelivered, dead by max_deliveries, expired, dead letters dropped. Empty: a replay. */
export type Effects = number[];

export type TakenMessage = [id: string, payload: string, deliveries: number];
export type PopAnswer =
  | ['ok', Effects, TakenMessage[], token: string, counted: 0 | 1]
  | ['too_many_in_flight', Effects]
  | ['empty', Effects, ticket: string, nextDelayedInMs: number];

export type NackedTo = 'ready' | 'delayed' | 'rejected' | 'max_deliveries' | 'expired';

export type PeekedMessage = [
  id: string,
  payload: string,
  deliveries: string,
  bullmqPriority: string,
  pushedAt: string,
  deadAt: string,
  reason: string,
  until: string,
];

function load<Answer>(file: string): LuaScript<Answer> {
  return loadScript<Answer>(folder, file, [], withBullmq);
}

export const scripts = {
  push: load<['ok', Effects, ids: string[], duplicates: number[]] | ['full', Effects]>('push-5'),
  pop: load<PopAnswer>('pop-5'),
  leave: load<['ok']>('leave-5'),
  undeliver: load<['ok', number] | ['kept']>('undeliver-5'),
  ack: load<['ok', Effects, stale: number[]]>('ack-5'),
  nack: load<['ok', Effects, NackedTo] | ['stale_receipt', Effects]>('nack-5'),
  extend: load<['ok' | 'stale_receipt', Effects]>('extend-5'),
  sweep: load<['ok', Effects, nextDelayedInMs: number, more: 0 | 1]>('sweep-5'),
  redrive: load<['ok', Effects, moved: number, meant: number, done: 0 | 1, now: number]>('redrive-5'),
  purge: load<['ok', Effects, removed: number, left: number]>('purge-5'),
  drop: load<['ok', Effects, 0 | 1]>('drop-5'),
  pause: load<['ok', Effects]>('pause-5'),
  stats:
    load<
      ['ok', Effects, ready: number, delayed: number, inflight: number, dead: number, paused: 0 | 1, oldestMs: number]
    >('stats-5'),
  peek: load<['ok', Effects, PeekedMessage[]]>('peek-5'),
  due: load<[nextInMs: number, names: string[]]>('due-1'),
  names: load<string[]>('names-1'),
};
