import { expect } from 'vitest';
import type { Message } from '../scripted.lock.js';
import type { LockState } from './lock.state.js';

interface Told {
  /** When, in lock time, the process was told to look after the lock. */
  times: { readonly at: number; readonly learns: boolean }[];
  /** One of these times is over, and it has not asked Redis since. */
  due: boolean;
  /** It will ask at one of these times that was told instead of a later one, which it learns then. */
  learns: boolean;
}

/** When which process looks after a lock by itself, since a script told it to. */
export class ToldTimers {
  readonly #of = new Map<string, Told>();
  /** What they are for, as it was when they were told last. */
  #told = '';

  constructor(private readonly state: LockState) {}

  forget(): void {
    this.#of.clear();
    this.#told = '';
  }

  /** A script has run; the state is what it left. @param wakeMs what it answered to its caller, who needs no other */
  compare(id: string, wakeMs: number | undefined, messages: readonly Message[]): void {
    const { now } = this.state;
    let fired = false;
    for (const timers of this.#of.values()) {
      const over = timers.times.filter(({ at }) => at <= now);
      timers.due ||= over.length > 0;
      timers.learns ||= over.some(({ learns }) => learns);
      fired ||= over.length > 0;
      timers.times = timers.times.filter(({ at }) => at > now);
    }
    Object.assign(this.#timersOf(id), { due: false, learns: false });
    const wakes = messages.filter(({ kind }) => kind === 'lock.wake');
    // Whoever stands first and is blocked by nobody, while nothing may be granted, is told of his own deadlines.
    const blocked = !this.state.waiting || this.state.wake();
    if (blocked && !fired && this.#told === this.#what()) expect(wakes, 'told again of what all know').toEqual([]);
    this.#told = this.#what();

    const all = Object.entries({ head: this.state.wake(), watchers: this.state.alarm() });
    // Of several deadlines the caller is answered the first.
    if (wakeMs !== undefined) {
      const later = all.some(([, one]) => one?.instances.includes(id) === true && one.at > now + wakeMs);
      this.#timersOf(id).times.push({ at: now + wakeMs, learns: later });
    }
    for (const { instance, fields } of wakes) {
      this.#timersOf(instance).times.push({ at: now + Number(fields[1]), learns: false });
    }
    for (const [what, wanted] of all) {
      if (!wanted) continue;
      const inTime = ({ times }: Told) => times.some(({ at }) => at <= wanted.at);
      for (const instance of wanted.instances) {
        const timers = this.#timersOf(instance);
        expect(timers.due || inTime(timers), `a timer of ${instance} for the ${what}`).toBe(true);
      }
      // A timer that has fired to no effect is not relied on, but where its process could not know of another.
      const told = [...this.#of.values()].some((timers) => inTime(timers) || timers.learns);
      expect(told, `a timer for the ${what} that has not fired`).toBe(true);
    }
  }

  /** Who stands first and when he may go on, and when there is something to tell to those who watch. */
  #what(): string {
    return JSON.stringify([this.state.wake()?.head, this.state.wake()?.at, this.state.alarm()?.at]);
  }

  #timersOf(id: string): Told {
    const timers = this.#of.get(id) ?? { times: [], due: false, learns: false };
    this.#of.set(id, timers);
    return timers;
  }
}
