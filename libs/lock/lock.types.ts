/** `exclusive`: nobody else holds the lock. `shared`: others may, as many as their limits allow. */
export type LockMode = 'exclusive' | 'shared';

/** What may be asked for without waiting for it. Durations in ms. */
export interface AcquireRequest {
  readonly name: string;
  readonly owner: string;
  readonly mode: LockMode;
  /** How long the hold lasts unless renewed; 30 000 unless given. */
  readonly leaseMs?: number;
  /** How long to wait for the lock; 0, not at all, unless given. */
  readonly waitMs?: number;
  /** Shared only: granted if then at most this many hold it. */
  readonly limit?: number;
}

export interface Granted {
  readonly ok: true;
  /** Fencing token: grows with every grant of this lock. */
  readonly token: number;
  readonly leaseMs: number;
  /** After a wait: the client's lease ends at its send time + waitedMs + leaseMs. */
  readonly waitedMs?: number;
}

/** Owner `owner` waits for the lock `waitsFor`, which the next of the cycle blocks. */
export interface CycleEntry {
  readonly owner: string;
  readonly waitsFor: string;
}

export type Refused =
  | { readonly ok: false; readonly reason: 'locked' | 'timeout' | 'too_many_waiters' }
  | { readonly ok: false; readonly reason: 'deadlock'; readonly cycle: CycleEntry[] };

export type AcquireAnswer = Granted | Refused;

export interface ReleaseRequest {
  readonly name: string;
  readonly owner: string;
  readonly mode?: LockMode;
  readonly token?: number;
}

export type ReleaseAnswer =
  { readonly ok: true } | { readonly ok: false; readonly reason: 'not_held' | 'not_owner' | 'stale_token' };

export interface RenewRequest {
  readonly owner: string;
  readonly names: readonly string[];
  /** Each hold's last lease unless given. */
  readonly leaseMs?: number;
}

export type RenewAnswer = { readonly renewed: string[]; readonly lost: string[] } & (
  { readonly ok: true } | { readonly ok: false; readonly reason: 'not_held' }
);

export interface LockView {
  readonly name: string;
  /** null: free. */
  readonly mode: LockMode | null;
  /** The highest token of those who hold it. */
  readonly token: number | null;
  readonly holders: { owner: string; mode: LockMode; token: number; expiresInMs: number }[];
  readonly waiters: { owner: string; mode: LockMode; node: string; waitingMs: number }[];
  readonly holdersCount: number;
  readonly waitersCount: number;
}

export interface AcquireManyRequest {
  /** 1 to 64, each name once. */
  readonly locks: readonly { readonly name: string; readonly mode: LockMode; readonly limit?: number }[];
  readonly owner: string;
  readonly leaseMs?: number;
  readonly waitMs?: number;
}

export type AcquireManyAnswer =
  | {
      readonly ok: true;
      readonly tokens: Record<string, number>;
      readonly leaseMs: number;
      readonly waitedMs?: number;
    }
  /** `name` is the first that was not granted; none is held because of this call. */
  | (Refused & { readonly name: string });

export interface ListRequest {
  /** Beginning of the names; all unless given. */
  readonly prefix?: string;
  /** Only locks that he holds or waits for. */
  readonly owner?: string;
  /** Of the page before. */
  readonly cursor?: string;
  /** Most locks of a page; 100 unless given. */
  readonly limit?: number;
}

export type LockSummary = Omit<LockView, 'holders' | 'waiters'>;

export interface LockPage {
  /** Held or waited for, in the order of their names. A page may be short. */
  readonly locks: LockSummary[];
  /** null at the end. */
  readonly cursor: string | null;
}
