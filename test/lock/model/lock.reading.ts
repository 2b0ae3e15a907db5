import type { LockChange, LockMode } from '#lib/lock';
import type { LockDump, Message } from '../scripted.lock.js';
import type { ModelMessage } from './lock.model.js';
import { nodeOf, type ModelHold, type ModelPlace } from './lock.state.js';

/** What Redis has and what the model has, in the same words: tokens are Redis's. */

type Words = Map<string, { words: string[]; score: number | undefined }>;
type TokenOf = (token: number) => number;

const modeOf = (code: string | undefined): LockMode => (code === 'x' ? 'exclusive' : 'shared');
const STATES: Record<string, ModelPlace['state']> = { q: 'queued', o: 'offered', c: 'confirmed' };

export function readHolds(holds: Words) {
  return new Map(
    [...holds].map(([owner, { words, score }]) => {
      const [code, token, lease, call, sure, deadline, was, until, before] = words;
      return [
        owner,
        {
          mode: modeOf(code),
          token: Number(token),
          lease: Number(lease),
          call,
          confirmed: sure === '1',
          deadline: Number(deadline),
          score,
          was: was === '-' ? undefined : { token: Number(was), deadline: Number(until), lease: Number(before) },
        },
      ];
    }),
  );
}

export function describeHolds(holds: ReadonlyMap<string, ModelHold>, tokenOf: TokenOf): ReturnType<typeof readHolds> {
  return new Map(
    [...holds].map(([owner, { token, was, ...hold }]) => {
      const before = was ? { ...was, token: tokenOf(was.token) } : undefined;
      return [owner, { ...hold, token: tokenOf(token), score: hold.deadline, was: before }];
    }),
  );
}

export function readPlaces(places: Words) {
  return new Map(
    [...places].map(([owner, { words, score }]) => {
      const [code, limit, ticket, state = '', upgrade, since, ...instances] = words;
      return [
        owner,
        {
          mode: modeOf(code),
          limit: Number(limit),
          ticket: Number(ticket),
          state: STATES[state],
          upgrade: upgrade === '1',
          since: Number(since),
          instances: instances.map((text) => text.split(':').join(' ')),
          queued: score !== undefined,
        },
      ];
    }),
  );
}

export function describePlaces(places: ReadonlyMap<string, ModelPlace>): ReturnType<typeof readPlaces> {
  return new Map(
    [...places].map(([owner, place]) => {
      const instances = [...place.instances].map(([id, { epoch, till }]) => `${id} ${epoch} ${till} ${nodeOf(id)}`);
      return [owner, { ...place, instances, queued: place.state === 'queued' }];
    }),
  );
}

/** All but the wake-ups, which the model leaves to the scripts. */
export function readMessages(messages: readonly Message[]): ModelMessage[] {
  return messages.flatMap(({ instance, kind, fields }): ModelMessage[] => {
    switch (kind) {
      case 'lock.offer': {
        const [, owner = '', token] = fields;
        return [{ kind, instance, owner, token: Number(token) }];
      }
      case 'lock.refused': {
        const [, owner = '', ticket] = fields;
        return [{ kind, instance, owner, ticket: Number(ticket) }];
      }
      case 'lock.event': {
        const [, seq, change, owner = '', mode, text] = fields;
        const token = text === '' ? undefined : Number(text);
        const number = Number(seq);
        return [{ kind, instance, owner, change: change as LockChange, mode: modeOf(mode), token, number }];
      }
      default:
        return [];
    }
  });
}

export function describeMessages(told: readonly ModelMessage[], seq: number, tokenOf: TokenOf): ModelMessage[] {
  return told.map((message) => {
    switch (message.kind) {
      case 'lock.offer':
        return { ...message, token: tokenOf(message.token) };
      case 'lock.event': {
        const token = message.token === undefined ? undefined : tokenOf(message.token);
        return { ...message, token, number: seq + message.number };
      }
      default:
        return message;
    }
  });
}

/** Latest lock time at which the lock is of use to somebody. A place that is not queued lasts as long as its hold. */
export function latestOf({ holds, places }: LockDump): number {
  const deadlines = [...holds.values()].flatMap(({ score, words }) => [
    score ?? 0,
    Number(words[7]?.replace('-', '') ?? 0),
  ]);
  const queued = [...places.values()].filter(({ score }) => score !== undefined);
  const waits = queued.flatMap(({ words }) => words.slice(6).map((instance) => Number(instance.split(':')[2])));
  return Math.max(0, ...deadlines, ...waits);
}
