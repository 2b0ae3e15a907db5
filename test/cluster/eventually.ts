import { setTimeout as pause } from 'node:timers/promises';

export interface Patience {
  /** What is waited for, for the message; continues "Waited 5000 ms for ..". */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until a check gives something: a value other than undefined and false. A check that throws is tried again.
 * @returns what the check gave
 * @throws Error with the last failure as its cause, when the time is over
 */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  { what, timeoutMs = 5000, everyMs = 20 }: Patience,
): Promise<Exclude<Value, undefined | false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value as Exclude<Value, undefined | false>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`Waited ${timeoutMs} ms for ${what}${reason}`, { cause });
    }
    await pause(everyMs);
  }
}
