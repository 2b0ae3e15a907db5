import type { LockStore } from './lock.store.js';
import type { LockMode, LockView } from './lock.types.js';

/** Longer than the pause between two renewals by far: a lost one does no harm. */
const WATCH_MS = 30_000;
const RENEW_MS = 10_000;

export type LockChange = 'acquired' | 'released' | 'expired' | 'waiting';

/** What a watcher hears: how the lock stands, then each change; how it stands again where a change was missed. */
export type WatchEvent =
  | { readonly kind: 'state'; readonly lock: LockView; readonly seq: number }
  | {
      readonly kind: LockChange;
      readonly name: string;
      readonly owner: string;
      readonly mode: LockMode;
      /** null while the owner only waits. */
      readonly token: number | null;
      readonly seq: number;
      /** Redis's time, ms since 1970. */
      readonly at: number;
    };

export type Change = Exclude<WatchEvent, { kind: 'state' }>;

/** One who watches one lock. Changes carry numbers, so that a missed one is noticed. */
class Watcher {
  /** Number of the last event that was told; undefined until the state was. */
  #seq: number | undefined;
  #early: Change[] = [];

  constructor(private readonly tell: (event: WatchEvent) => void) {}

  /** @returns false where changes before this one were missed */
  changed(change: Change): boolean {
    if (this.#seq === undefined) {
      this.#early.push(change);
      return true;
    }
    if (change.seq <= this.#seq) return true;
    if (change.seq > this.#seq + 1) return false;
    this.#seq = change.seq;
    this.tell(change);
    return true;
  }

  /**
   * The lock stands so as of `seq`; told at the beginning, and where changes were missed.
   * @param anew the numbers may have begun anew, since Redis may have lost them
   */
  stands(lock: LockView, seq: number, anew: boolean): void {
    if (this.#seq !== undefined && (anew ? seq === this.#seq : seq <= this.#seq)) return;
    this.#seq = seq;
    this.tell({ kind: 'state', lock, seq });
    for (const change of this.#early.splice(0)) this.changed(change);
  }
}

/** Everyone who watches on this node, by lock. */
export class LockWatchers {
  readonly #watchers = new Map<string, Set<Watcher>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: LockStore,
    private readonly usable: () => boolean,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.refreshAll();
    }, RENEW_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Tells the state of the lock, then its changes.
   * @returns ends it
   * @throws RedisUnavailable
   */
  async watch(name: string, tell: (event: WatchEvent) => void): Promise<() => void> {
    const watcher = new Watcher(tell);
    const all = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, all.add(watcher));
    const end = () => {
      all.delete(watcher);
      if (all.size > 0 || this.#watchers.get(name) !== all) return;
      this.#watchers.delete(name);
      if (this.usable()) void this.store.watch(name, 0).catch(() => undefined);
    };
    try {
      const { view, seq } = await this.store.watch(name, WATCH_MS);
      watcher.stands(view, seq, true);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  /** A change, as the lock's script told it. */
  changed(name: string, ...[seq, kind, owner = '', mode, token, at]: string[]): void {
    const change: Change = {
      kind: kind as LockChange,
      name,
      owner,
      mode: mode === 'x' ? 'exclusive' : 'shared',
      token: token === '' ? null : Number(token),
      seq: Number(seq),
      at: Number(at),
    };
    const missed = [...(this.#watchers.get(name) ?? [])].filter((watcher) => !watcher.changed(change));
    if (missed.length > 0) void this.#refresh(name, false);
  }

  /** Messages may have been missed: looks at every watched lock. */
  refreshAll(anew = false): void {
    for (const name of this.#watchers.keys()) void this.#refresh(name, anew);
  }

  async #refresh(name: string, anew: boolean): Promise<void> {
    if (!this.usable()) return;
    try {
      const { view, seq } = await this.store.watch(name, WATCH_MS);
      for (const watcher of this.#watchers.get(name) ?? []) watcher.stands(view, seq, anew);
    } catch {
      // Redis is away; the next time will do.
    }
  }
}
