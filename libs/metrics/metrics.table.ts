import {
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
  type PrometheusOptions,
} from '@willsoto/nestjs-prometheus';

/**
 * Every metric of a node. Base units, prefix `sync_`; no name of a lock, queue, key or owner is ever a label, but those
 * of queues up to a configured bound.
 */
export const metric = {
  buildInfo: 'sync_build_info',
  httpDuration: 'sync_http_request_duration_seconds',
  redisDuration: 'sync_redis_command_duration_seconds',
  redisConnected: 'sync_redis_connections_total',
  redisDurable: 'sync_redis_durable',
  redisEvicts: 'sync_redis_evicts',
  leaseStands: 'sync_lease_stands',
  epochsLost: 'sync_epochs_lost_total',
  nodesFenced: 'sync_nodes_fenced_total',
} as const;

const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const metricProviders = [
  makeGaugeProvider({
    name: metric.buildInfo,
    help: 'Version of this node; always 1.',
    labelNames: ['node', 'version'],
  }),
  makeHistogramProvider({
    name: metric.httpDuration,
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: LATENCY_BUCKETS,
  }),
  makeHistogramProvider({
    name: metric.redisDuration,
    help: 'Time of a script call from sending to its answer.',
    labelNames: ['script', 'outcome'],
    buckets: LATENCY_BUCKETS,
  }),
  makeCounterProvider({
    name: metric.redisConnected,
    help: 'Connections made to Redis, reconnections included.',
    labelNames: ['purpose'],
  }),
  makeGaugeProvider({
    name: metric.redisDurable,
    help: '1 while Redis was seen to sync every write (appendonly yes, appendfsync always).',
  }),
  makeGaugeProvider({ name: metric.redisEvicts, help: '1 while Redis was seen to evict keys when it is full.' }),
  makeGaugeProvider({ name: metric.leaseStands, help: '1 while the lease of this node stands.' }),
  makeCounterProvider({ name: metric.epochsLost, help: 'Epochs of this node that ended before it stopped.' }),
  makeCounterProvider({ name: metric.nodesFenced, help: 'Epochs of silent nodes that this node ended.' }),
];

export const prometheusOptions: PrometheusOptions = { path: '/metrics', defaultMetrics: { enabled: true } };
