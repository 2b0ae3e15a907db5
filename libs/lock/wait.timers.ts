/** Past the deadline by the time it fires: lock time counts whole milliseconds. */
const SLACK_MS = 1;
const LONGEST_MS = 60_000;

/** At most one timer per lock; the earlier one stays. */
export class LockTimers {
  readonly #timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  constructor(private readonly fire: (name: string) => void) {}

  arm(name: string, ms: number): void {
    const at = performance.now() + ms;
    const known = this.#timers.get(name);
    if (known && known.at <= at) return;
    clearTimeout(known?.timer);
    const timer = setTimeout(
      () => {
        this.#timers.delete(name);
        this.fire(name);
      },
      Math.min(ms + SLACK_MS, LONGEST_MS),
    );
    this.#timers.set(name, { at, timer });
  }

  clear(): void {
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
