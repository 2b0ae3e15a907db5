/**
 * Redis gave no usable answer: away, too slow, loading, full, or not the server that this node works with.
 * Over HTTP this is 503 (docs: "Redis outage").
 */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';

  /**
   * @param message what stood in the way, fit to be shown to a caller
   * @param mayHaveTakenEffect false only where the command certainly did not run
   */
  constructor(
    message: string,
    readonly mayHaveTakenEffect: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether Redis refused since it is full: it may still do what needs no room. */
  get isFull(): boolean {
    return this.cause instanceof Error && this.cause.message.startsWith('OOM ');
  }
}

/** Error replies by which Redis says that it ran nothing, and that another time or server may do it. */
const refusals = new Set([
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
]);

/**
 * Tells an outage from a defect.
 * @param cause what ioredis rejected a sent command with
 * @returns RedisUnavailable for a lost answer or a refusal; the cause itself where a script or its arguments are wrong
 */
export function asUnavailable(cause: unknown): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  if (error instanceof RedisUnavailable) return error;
  if (error.name !== 'ReplyError') return new RedisUnavailable('Redis did not answer in time', true, { cause });
  const word = error.message.split(' ', 1)[0] ?? '';
  return refusals.has(word) ? new RedisUnavailable(`Redis refused: ${error.message}`, false, { cause }) : error;
}
