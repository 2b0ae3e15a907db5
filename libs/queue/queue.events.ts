/** What a QueueService tells while it works: metrics and the log listen. Each event is told by one node only. */
export interface QueueEvents {
  /** Messages were pushed; duplicates, which were not, are not among `count`. */
  pushed: [queue: string, count: number, duplicates: number];
  /** A push was refused. */
  full: [queue: string];
  popped: [queue: string, count: number, mode: 'auto' | 'manual'];
  /** A pop waited, and ended with or without messages. */
  waited: [queue: string, waitedMs: number, found: boolean];
  acked: [queue: string, count: number];
  /** A delivery was given back by its consumer (not to the dead letters), or could not be delivered to him. */
  returned: [queue: string, count: number];
  /** Visibilities ran out and the messages are ready again. */
  redelivered: [queue: string, count: number];
  dead: [queue: string, count: number, reason: 'max_deliveries' | 'rejected'];
  /** Dead letters beyond QUEUE_MAX_DEAD were dropped. */
  deadDropped: [queue: string, count: number];
  /** Messages were dropped because their time to live was over. */
  expired: [queue: string, count: number];
  /** A receipt was refused. */
  stale: [queue: string, count: number];
  redriven: [queue: string, count: number];
  purged: [queue: string, count: number];
  /** A schedule's time came: its message was pushed, or skipped because the queue was full. */
  scheduled: [queue: string, scheduleId: string, outcome: 'pushed' | 'full'];
}
