import type { LockMode } from './lock.types.js';

/** What the lock service tells about its work, for metrics and log. No name or owner is among it. */
export interface LockEvents {
  /** A call of acquire was answered. `waitedMs` where it waited. */
  acquired: [
    {
      mode: LockMode;
      outcome: 'granted' | 'locked' | 'timeout' | 'deadlock' | 'too_many_waiters';
      waitedMs?: number | undefined;
    },
  ];
  /** An owner gave a lock back; `heldMs` since its grant. */
  released: [{ mode: LockMode; heldMs: number }];
  /** So many holds were found to have ended by their deadline. */
  expired: [count: number];
  /** So many holds were ended by a forced release. */
  forced: [count: number];
}
