import type { JsonObject } from '../../cluster/index.js';
import type { Delivery, Message, Push, Use } from './account.js';
import { clarityOf, clearAttempt, type Attempt, type Call } from './history.js';

/** One thing that was seen, for a reader. */
export interface Event {
  readonly call: Call;
  readonly attempt: Attempt;
  readonly what: string;
}

export function ofPush({ call, index, payload, id, duplicate }: Push): Event[] {
  const { delayMs, priority, dedupId } = call.kind === 'push' ? call.body : messageAt(call, index);
  const asked = { priority, delayMs, dedupId, requestId: call.body['requestId'] };
  const done = `${id ?? 'no id'}${duplicate ? ', a duplicate' : ''}`;
  return eachAttempt(call, `${call.kind} ${JSON.stringify(payload)}${fields(asked)}`, done);
}

export function ofDelivery({ call, auto, payload, id, receipt, number, visibilityMs }: Delivery): Event[] {
  const { requestId, count, waitMs } = call.body;
  const asked = { count, waitMs, visibilityMs: auto ? undefined : visibilityMs, requestId };
  const got = JSON.stringify(payload) + (auto ? '' : ` ${id}, delivery ${number}, receipt ${short(receipt ?? '')}`);
  return eachAttempt(call, `pop ${auto ? 'auto' : 'manual'}${fields(asked)}`, got);
}

export function ofUse(receipt: string | undefined, { call, attempt, kind, outcome }: Use): Event {
  const { delayMs, dead, visibilityMs, requestId } = call.body;
  const asked = fields({ delayMs, dead, visibilityMs, requestId });
  return { call, attempt, what: `${kind} ${short(receipt ?? '')}${asked} -> ${outcome}` };
}

/** All that happened to a message. */
export function ofMessage({ pushes, deliveries }: Message): Event[] {
  return [
    ...pushes.flatMap(ofPush),
    ...deliveries.flatMap((delivery) => [
      ...ofDelivery(delivery),
      ...delivery.uses.map((use) => ofUse(delivery.receipt, use)),
    ]),
  ];
}

/** A call as it was, whatever it was. */
export function ofCall(call: Call): Event[] {
  const clear = clearAttempt(call)?.answer?.body;
  return eachAttempt(call, `${call.kind} ${JSON.stringify(call.body)}`, JSON.stringify(clear));
}

/** @returns a line for each event, by time, in milliseconds since `start` */
export function tell(events: readonly Event[], start: number): string[] {
  const lines = [...events]
    .sort((a, b) => a.attempt.invoked - b.attempt.invoked)
    .map(({ call, attempt: { node, invoked, completed }, what }) => {
      const times = `${(invoked - start).toFixed(1)}..${(completed - start).toFixed(1)}`;
      return `${times} ${call.client} on ${node}: ${what}`;
    });
  return [...new Set(lines)];
}

function eachAttempt(call: Call, asked: string, got: string): Event[] {
  const clear = clearAttempt(call);
  return call.attempts.map((attempt) => ({
    call,
    attempt,
    what: `${asked} -> ${attempt === clear ? got : said(attempt)}`,
  }));
}

function said(attempt: Attempt): string {
  const { answer, hungUp, refused } = attempt;
  if (answer) return `${answer.status} ${JSON.stringify(answer.body)}`;
  if (refused) return 'connection refused';
  return clarityOf(attempt) === 'unclear' && hungUp ? 'hung up' : 'no answer';
}

function messageAt({ body }: Call, index: number): JsonObject {
  return ((body['messages'] ?? []) as readonly JsonObject[])[index] ?? {};
}

function fields(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name} ${String(value)}`)
    .join('');
}

function short(receipt: string): string {
  return receipt.slice(-6);
}
