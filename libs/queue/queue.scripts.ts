import { loadScript, type LuaScript } from '#lib/redis';
import { withBullmq } from './bullmq.lua.js';

const folder = new URL('./scripts/', import.meta.url);

/**
 * What time alone did in a script: redelivered, dead by max_deliveries, expired, dead letters dropped; 0 for nothing.
 * Empty: a replay.
 */
export type Effects = number[] | 0;

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

/** Whether a call was answered from memory: what it did was told by the first of its kind. */
export function isReplay(effects: Effects): boolean {
  return effects !== 0 && effects.length === 0;
}

function load<Answer>(file: string): LuaScript<Answer> {
  return loadScript<Answer>(folder, file, [], withBullmq);
}

export const scripts = {
  push: load<['ok', Effects, ids: string[], duplicates: number[]] | ['full', Effects]>('push-1'),
  pop: load<PopAnswer>('pop-1'),
  leave: load<['ok']>('leave-1'),
  undeliver: load<['ok', number] | ['kept']>('undeliver-1'),
  ack: load<['ok', Effects, stale: number[]]>('ack-1'),
  nack: load<['ok', Effects, NackedTo] | ['stale_receipt', Effects]>('nack-1'),
  extend: load<['ok' | 'stale_receipt', Effects]>('extend-1'),
  sweep: load<['ok', Effects, nextDelayedInMs: number, more: 0 | 1]>('sweep-1'),
  redrive: load<['ok', Effects, moved: number, meant: number, done: 0 | 1, now: number]>('redrive-1'),
  purge: load<['ok', Effects, removed: number, left: number]>('purge-1'),
  drop: load<['ok', Effects, 0 | 1]>('drop-1'),
  pause: load<['ok', Effects]>('pause-1'),
  stats:
    load<
      ['ok', Effects, ready: number, delayed: number, inflight: number, dead: number, paused: 0 | 1, oldestMs: number]
    >('stats-1'),
  peek: load<['ok', Effects, PeekedMessage[]]>('peek-1'),
  due: load<[nextInMs: number, names: string[]]>('due-1'),
  names: load<string[]>('names-1'),
};
