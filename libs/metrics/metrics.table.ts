import { makeCounterProvider, makeGaugeProvider, makeHistogramProvider, getToken } from '@willsoto/nestjs-prometheus';
import type { Provider } from '@nestjs/common';
import type { Counter, Gauge, Histogram } from 'prom-client';

interface Declared<Kind> {
  readonly name: string;
  readonly provider: Provider;
  /** Never set; carries the kind of the metric. */
  readonly kind?: Kind;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

function counter(name: string, help: string, labelNames: string[] = []): Declared<Counter> {
  return { name, provider: makeCounterProvider({ name, help, labelNames }) };
}

function gauge(name: string, help: string, labelNames: string[] = []): Declared<Gauge> {
  return { name, provider: makeGaugeProvider({ name, help, labelNames }) };
}

function seconds(name: string, help: string, labelNames: string[] = []): Declared<Histogram> {
  return { name, provider: makeHistogramProvider({ name, help, labelNames, buckets: SECONDS }) };
}

/**
 * Every metric of a node. Base units, prefix `sync_`; no name of a lock, key or owner is ever a label, and names of
 * queues only up to QUEUE_METRICS_MAX.
 */
export const metricsTable = {
  buildInfo: gauge('sync_build_info', 'Version of this node; always 1.', ['node', 'version']),

  httpDuration: seconds(
    'sync_http_request_duration_seconds',
    'Time from the arrival of a request to the end of its answer.',
    ['method', 'route', 'status'],
  ),
  httpWorking: gauge('sync_http_working_requests', 'Requests at work in this node at the moment.'),
  httpWaiting: gauge('sync_http_waiting_requests', 'Requests that wait in this node for something at the moment.'),
  httpRefused: counter(
    'sync_http_refused_total',
    'Requests refused before they were read: token (401), scope (403), rate (429), in_flight, waiting, event_loop (503).',
    ['reason'],
  ),
  eventLoopDelay: gauge(
    'sync_event_loop_delay_seconds',
    'How late this process gets to what is due, mean of half a second.',
  ),

  redisDuration: seconds('sync_redis_command_duration_seconds', 'Time of a script call from sending to its answer.', [
    'script',
    'outcome',
  ]),
  redisConnected: counter('sync_redis_connections_total', 'Connections made to Redis, reconnections included.', [
    'purpose',
  ]),
  redisDurable: gauge(
    'sync_redis_durable',
    '1 while Redis was seen to sync every write (appendonly yes, appendfsync always).',
  ),
  redisEvicts: gauge('sync_redis_evicts', '1 while Redis was seen to evict keys when it is full.'),

  leaseStands: gauge('sync_lease_stands', '1 while the lease of this node stands.'),
  epochsLost: counter('sync_epochs_lost_total', 'Epochs of this node that ended, the last one at its stop included.'),
  nodesFenced: counter('sync_nodes_fenced_total', 'Epochs of silent nodes that this node ended.'),

  lockAcquire: counter('sync_lock_acquire_total', 'Calls of acquire, by mode and outcome.', ['mode', 'outcome']),
  lockWait: seconds('sync_lock_wait_duration_seconds', 'Time that callers waited for a lock.', ['mode', 'outcome']),
  lockHold: seconds('sync_lock_hold_duration_seconds', 'Time from the grant of a lock to its release.', ['mode']),
  lockReleased: counter('sync_lock_released_total', 'Holds given back by their owners.', ['mode']),
  lockExpired: counter('sync_lock_expired_total', 'Holds that ended by their deadline.'),
  lockForced: counter('sync_lock_forced_total', 'Holds that were ended by a forced release.'),
  lockWaiters: gauge('sync_lock_waiters', 'Calls that wait for a lock on this node.'),
  lockHolding: gauge('sync_lock_holding', '1 while no lock is granted because Redis may have lost holds.'),

  queuePushed: counter('sync_queue_pushed_total', 'Messages pushed.'),
  queueDuplicates: counter(
    'sync_queue_duplicates_total',
    'Messages that were not pushed again because their dedupId was known.',
  ),
  queueFull: counter('sync_queue_full_total', 'Pushes refused because the queue was full.'),
  queuePopped: counter('sync_queue_popped_total', 'Messages popped, by how they are acknowledged.', ['ack']),
  queueWait: seconds('sync_queue_wait_duration_seconds', 'Time that pops waited for a message.', ['outcome']),
  queueAcked: counter('sync_queue_acked_total', 'Deliveries acknowledged.'),
  queueReturned: counter('sync_queue_returned_total', 'Deliveries given back by their consumers.'),
  queueRedelivered: counter('sync_queue_redelivered_total', 'Messages ready again because their visibility ran out.'),
  queueDead: counter('sync_queue_dead_letters_total', 'Messages that became dead letters.', ['reason']),
  queueDeadDropped: counter(
    'sync_queue_dead_letters_dropped_total',
    'Dead letters dropped because there were too many.',
  ),
  queueExpired: counter('sync_queue_expired_total', 'Messages dropped because their time to live was over.'),
  queueStale: counter('sync_queue_stale_receipts_total', 'Receipts refused.'),
  queueScheduled: counter('sync_queue_scheduled_total', 'Times that a schedule came due.', ['outcome']),
  queueMessages: gauge('sync_queue_messages', 'Messages of a queue, by state; the same on every node.', [
    'queue',
    'state',
  ]),
  queueOldest: gauge(
    'sync_queue_oldest_age_seconds',
    'Age since its push of the oldest message of a queue that is ready; 0 where none is.',
    ['queue'],
  ),
  queueWaiters: gauge('sync_queue_waiting_pops', 'Pops that wait on this node.'),

  cacheReads: counter('sync_cache_reads_total', 'Reads, by hit or miss.', ['result']),
  cacheWrites: seconds('sync_cache_write_duration_seconds', 'Time of writes that this node began.', [
    'kind',
    'outcome',
    'round',
  ]),
  cacheRound: seconds(
    'sync_cache_round_duration_seconds',
    'Time until every sharer of a written line had let go of it.',
  ),
  cacheTransitions: counter('sync_cache_transitions_total', 'Changes of state of the copies of this node.', [
    'from',
    'to',
  ]),
  cacheInvalidation: seconds(
    'sync_cache_invalidation_duration_seconds',
    'Time from the arrival of an invalidation to the answer that the directory has heard of it.',
  ),
  cachePolls: counter(
    'sync_cache_polls_total',
    'Rounds that this node had to see to because they did not end by themselves.',
  ),
  cacheHold: gauge('sync_cache_holding', '1 while the cache waits because Redis may have lost something.'),
  cacheLines: gauge('sync_cache_lines', 'Lines of which this node has a copy.'),
  cacheBytes: gauge('sync_cache_bytes', 'Memory of the copies of this node.'),
};

type Table = typeof metricsTable;

/** The metrics by their names in {@link metricsTable}. */
export type Metrics = { readonly [Name in keyof Table]: Table[Name] extends Declared<infer Kind> ? Kind : never };

/** Injection token of {@link Metrics}. */
export const METRICS = Symbol('metrics');

const declared = Object.entries(metricsTable);

export const metricProviders: Provider[] = [
  ...declared.map(([, { provider }]) => provider),
  {
    provide: METRICS,
    inject: declared.map(([, { name }]) => getToken(name)),
    useFactory: (...metrics: unknown[]) => Object.fromEntries(declared.map(([name], index) => [name, metrics[index]])),
  },
];
