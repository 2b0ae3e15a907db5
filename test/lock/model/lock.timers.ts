import { expect } from 'vitest';
import type { Message } from '../scripted.lock.js';
import type { LockState } from './lock.state.js';

interface Told {
  /** When, in lock time, the process was told to look after the lock. */
  times: number[];
  /** One of these times is over, and it has not asked Redis since. */
  due: boolean;
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

  /** The process asks Redis. */
  asks(id: string): void {
    this.#timersOf(id).due = false;
  }

  /** A script has run; the state is what it left. @param wakeMs what it answered to its caller */
  compare(id: string, wakeMs: number | undefined, messages: readonly Message[]): void {
    const { now } = this.state;
    let fired = false;
    for (const timers of this.#of.values()) {
      const over = timers.times.some((at) => at <= now);
      timers.due ||= over;
      fired ||= over;
      timers.times = timers.times.filter((at) => at > now);
    }
    const wakes = messages.filter(({ kind }) => kind === 'lock.wake');
    if (!fired && this.#told === this.#what()) expect(wakes, 'told again of what all know').toEqual([]);
    this.#told = this.#what();

    if (wakeMs !== undefined) this.#arm(id, wakeMs);
    for (const { instance, fields } of wakes) this.#arm(instance, Number(fields[1]));
    for (const [what, wanted] of Object.entries({ head: this.state.wake(), watchers: this.state.alarm() })) {
      if (!wanted) continue;
      const inTime = ({ times }: Told) => times.some((at) => at <= wanted.at);
      for (const instance of wanted.instances) {
        const timers = this.#timersOf(instance);
        expect(timers.due || inTime(timers), `a timer of ${instance} for the ${what}`).toBe(true);
      }
      // A timer that has fired to no effect is not relied on.
      expect([...this.#of.values()].some(inTime), `a timer for the ${what} that has not fired`).toBe(true);
    }
  }

  /** Who stands first and when he may go on, and when there is something to tell to those who watch. */
  #what(): string {
    return JSON.stringify([this.state.wake()?.head, this.state.wake()?.at, this.state.alarm()?.at]);
  }

  #arm(id: string, ms: number): void {
    this.#timersOf(id).times.push(this.state.now + ms);
  }

  #timersOf(id: string): Told {
    const timers = this.#of.get(id) ?? { times: [], due: false };
    this.#of.set(id, timers);
    return timers;
  }
}
