import type { JsonObject } from '../../cluster/index.js';

export type CallKind = 'push' | 'push-many' | 'pop' | 'ack' | 'nack' | 'extend' | 'redrive';

/** One request of a call, on one node. Times are this process's performance.now(). */
export interface Attempt {
  readonly node: string;
  readonly invoked: number;
  readonly completed: number;
  /** Undefined where none came. */
  readonly answer?: { readonly status: number; readonly body: JsonObject };
  /** The client hung up on purpose, before the node had the time that it is allowed. */
  readonly hungUp?: boolean;
  /** The connection was refused: the node was never asked. */
  readonly refused?: boolean;
}

/** What a client meant to do, with all its attempts: a call without a clear answer is made again, on any node. */
export interface Call {
  readonly client: string;
  readonly kind: CallKind;
  readonly queue: string;
  readonly body: JsonObject;
  readonly attempts: Attempt[];
}

/**
 * What is known of an attempt: `clear` (answered by the queue), `nothing` (certainly without effect), `unclear` (it may
 * have happened, or happen yet), `unexpected` (an answer that no call of these clients may get).
 */
export type Clarity = 'clear' | 'nothing' | 'unclear' | 'unexpected';

export function clarityOf({ answer, refused }: Attempt): Clarity {
  if (!answer) return refused ? 'nothing' : 'unclear';
  if (answer.status === 200) return 'clear';
  if (answer.status !== 503) return 'unexpected';
  return answer.body['mayHaveTakenEffect'] === false ? 'nothing' : 'unclear';
}

/** @returns the first attempt that was answered by the queue */
export function clearAttempt({ attempts }: Call): Attempt | undefined {
  return attempts.find((attempt) => clarityOf(attempt) === 'clear');
}

export function isRepeatable({ body }: Call): boolean {
  return body['requestId'] !== undefined;
}

/** When the call began: its effect lies after that, whichever attempt had it. */
export function invokedAt({ attempts }: Call): number {
  return attempts[0]?.invoked ?? Infinity;
}

/** The longest time that a pop waits by its own wish. */
export function waitOf({ body }: Call): number {
  return Number(body['waitMs'] ?? 0);
}

export function messagesOf({ kind, body }: Call): readonly JsonObject[] {
  return kind === 'push' ? [body] : ((body['messages'] ?? []) as readonly JsonObject[]);
}
