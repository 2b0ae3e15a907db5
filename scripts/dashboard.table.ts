/** A line of a panel: what is asked of Prometheus, and what its series are called (`{{label}}` for a label's value). */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelRow {
  readonly title: string;
  readonly panels: readonly PanelLine[];
}

export interface PanelLine {
  readonly title: string;
  readonly description: string;
  /** Grafana's name of a unit: s, ops, percentunit, short, bytes. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** One number instead of a curve. */
  readonly single?: boolean;
}

const HERE = 'instance=~"$instance"';
const RATE = '$__rate_interval';

const rate = (by: string, metric: string, labels = HERE) => `sum by (${by}) (rate(${metric}{${labels}}[${RATE}]))`;
const quantile = (share: number, by: string, histogram: string, labels = HERE) =>
  `histogram_quantile(${share}, sum by (${['le', by].filter(Boolean).join(', ')}) (rate(${histogram}_bucket{${labels}}[${RATE}])))`;
const increase = (by: string, metric: string) => `sum by (${by}) (increase(${metric}{${HERE}}[${RATE}]))`;

/** The overview for Grafana, row by row. A test compares every expression with the metrics of a node. */
export const dashboardTable: readonly PanelRow[] = [
  {
    title: 'Nodes',
    panels: [
      {
        title: 'Nodes at work',
        description: 'Nodes whose lease stands.',
        unit: 'short',
        single: true,
        queries: [{ expr: 'sum(sync_lease_stands)', legend: 'nodes' }],
      },
      {
        title: 'Versions',
        description: 'Nodes by their version; two of them while a rollout is under way.',
        unit: 'short',
        single: true,
        queries: [{ expr: 'count by (version) (sync_build_info)', legend: '{{version}}' }],
      },
      {
        title: 'Leases',
        description: '1 while the lease of a node stands; without it the node answers 503.',
        unit: 'short',
        queries: [{ expr: `sync_lease_stands{${HERE}}`, legend: '{{instance}}' }],
      },
      {
        title: 'Nodes lost',
        description: 'Epochs of nodes that fell silent, and epochs that a node lost itself or ended at its stop.',
        unit: 'short',
        queries: [
          { expr: increase('instance', 'sync_nodes_fenced_total'), legend: 'fenced by {{instance}}' },
          { expr: increase('instance', 'sync_epochs_lost_total'), legend: 'ended on {{instance}}' },
        ],
      },
      {
        title: 'Delay of the event loop',
        description: 'How late a node gets to its work. Past a second it loses its lease.',
        unit: 's',
        queries: [{ expr: `sync_event_loop_delay_seconds{${HERE}}`, legend: '{{instance}}' }],
      },
    ],
  },
  {
    title: 'HTTP',
    panels: [
      {
        title: 'Calls',
        description: 'Calls answered in a second, by status; probes are left out.',
        unit: 'reqps',
        queries: [
          {
            expr: rate('status', 'sync_http_request_duration_seconds_count', `${HERE}, route!~"/health.*"`),
            legend: '{{status}}',
          },
        ],
      },
      {
        title: 'Errors',
        description: 'Share of calls that are answered 5xx.',
        unit: 'percentunit',
        queries: [
          {
            expr:
              `${rate('instance', 'sync_http_request_duration_seconds_count', `${HERE}, status=~"5..", route!~"/health.*"`)} / ` +
              rate('instance', 'sync_http_request_duration_seconds_count', `${HERE}, route!~"/health.*"`),
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Duration, one in a hundred',
        description: 'The 99th percentile of each route, waits included.',
        unit: 's',
        queries: [{ expr: quantile(0.99, 'route', 'sync_http_request_duration_seconds'), legend: '{{route}}' }],
      },
      {
        title: 'At work and waiting',
        description: 'Requests in the nodes at the moment, against MAX_IN_FLIGHT and MAX_WAITING.',
        unit: 'short',
        queries: [
          { expr: `sync_http_working_requests{${HERE}}`, legend: 'at work on {{instance}}' },
          { expr: `sync_http_waiting_requests{${HERE}}`, legend: 'waiting on {{instance}}' },
        ],
      },
      {
        title: 'Refused',
        description: 'Calls refused before they were read: load, rate, tokens.',
        unit: 'reqps',
        queries: [{ expr: rate('reason', 'sync_http_refused_total'), legend: '{{reason}}' }],
      },
    ],
  },
  {
    title: 'Locks',
    panels: [
      {
        title: 'Acquires',
        description: 'Calls of acquire by outcome.',
        unit: 'ops',
        queries: [{ expr: rate('outcome', 'sync_lock_acquire_total'), legend: '{{outcome}}' }],
      },
      {
        title: 'Holds that ended',
        description: 'Given back by their owners, run out, or ended by force.',
        unit: 'ops',
        queries: [
          { expr: rate('mode', 'sync_lock_released_total'), legend: 'released ({{mode}})' },
          { expr: `sum(rate(sync_lock_expired_total{${HERE}}[${RATE}]))`, legend: 'expired' },
          { expr: `sum(rate(sync_lock_forced_total{${HERE}}[${RATE}]))`, legend: 'forced' },
        ],
      },
      {
        title: 'Waits',
        description: 'How long callers waited: the median and one in a hundred.',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'mode', 'sync_lock_wait_duration_seconds'), legend: 'median ({{mode}})' },
          { expr: quantile(0.99, 'mode', 'sync_lock_wait_duration_seconds'), legend: '99 % ({{mode}})' },
        ],
      },
      {
        title: 'Holds',
        description: 'How long locks are held: the median and one in a hundred.',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'mode', 'sync_lock_hold_duration_seconds'), legend: 'median ({{mode}})' },
          { expr: quantile(0.99, 'mode', 'sync_lock_hold_duration_seconds'), legend: '99 % ({{mode}})' },
        ],
      },
      {
        title: 'Waiters',
        description: 'Calls that wait for a lock, and nodes that hold locks back since Redis may have lost some.',
        unit: 'short',
        queries: [
          { expr: `sync_lock_waiters{${HERE}}`, legend: '{{instance}}' },
          { expr: `sum(sync_lock_holding{${HERE}})`, legend: 'nodes that hold back' },
        ],
      },
    ],
  },
  {
    title: 'Queues',
    panels: [
      {
        title: 'Messages',
        description: 'Messages that come and go in a second.',
        unit: 'ops',
        queries: [
          { expr: `sum(rate(sync_queue_pushed_total{${HERE}}[${RATE}]))`, legend: 'pushed' },
          { expr: rate('ack', 'sync_queue_popped_total'), legend: 'popped ({{ack}})' },
          { expr: `sum(rate(sync_queue_acked_total{${HERE}}[${RATE}]))`, legend: 'acknowledged' },
        ],
      },
      {
        title: 'Depth',
        description: 'Messages of each queue by state. Every node tells the same.',
        unit: 'short',
        queries: [{ expr: 'max by (queue, state) (sync_queue_messages)', legend: '{{queue}} {{state}}' }],
      },
      {
        title: 'Age',
        description: 'How long the oldest ready message of each queue has been there.',
        unit: 's',
        queries: [{ expr: 'max by (queue) (sync_queue_oldest_age_seconds)', legend: '{{queue}}' }],
      },
      {
        title: 'Deliveries again',
        description: 'Given back by consumers, visible again by time, refused receipts, and dead letters.',
        unit: 'ops',
        queries: [
          { expr: `sum(rate(sync_queue_returned_total{${HERE}}[${RATE}]))`, legend: 'given back' },
          { expr: `sum(rate(sync_queue_redelivered_total{${HERE}}[${RATE}]))`, legend: 'visible again' },
          { expr: `sum(rate(sync_queue_stale_receipts_total{${HERE}}[${RATE}]))`, legend: 'stale receipts' },
          { expr: rate('reason', 'sync_queue_dead_letters_total'), legend: 'dead ({{reason}})' },
        ],
      },
      {
        title: 'Not taken, not kept',
        description: 'Pushes refused or already known, messages past their time to live, dead letters dropped.',
        unit: 'ops',
        queries: [
          { expr: `sum(rate(sync_queue_full_total{${HERE}}[${RATE}]))`, legend: 'full' },
          { expr: `sum(rate(sync_queue_duplicates_total{${HERE}}[${RATE}]))`, legend: 'duplicates' },
          { expr: `sum(rate(sync_queue_expired_total{${HERE}}[${RATE}]))`, legend: 'expired' },
          {
            expr: `sum(rate(sync_queue_dead_letters_dropped_total{${HERE}}[${RATE}]))`,
            legend: 'dead letters dropped',
          },
        ],
      },
      {
        title: 'Waiting pops and schedules',
        description: 'Long polls at the moment, how long they waited, and schedules that came due in a second.',
        unit: 'short',
        queries: [
          { expr: `sum(sync_queue_waiting_pops{${HERE}})`, legend: 'waiting' },
          {
            expr: quantile(0.5, 'outcome', 'sync_queue_wait_duration_seconds'),
            legend: 'median wait, s ({{outcome}})',
          },
          { expr: rate('outcome', 'sync_queue_scheduled_total'), legend: 'schedules ({{outcome}})' },
        ],
      },
    ],
  },
  {
    title: 'Cache',
    panels: [
      {
        title: 'Hits',
        description: 'Share of reads that a node answers from its own memory.',
        unit: 'percentunit',
        queries: [
          {
            expr:
              `${rate('instance', 'sync_cache_reads_total', `${HERE}, result="hit"`)} / ` +
              rate('instance', 'sync_cache_reads_total'),
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Reads and writes',
        description: 'In a second; writes by whether other nodes had to let go of the line first.',
        unit: 'ops',
        queries: [
          { expr: rate('result', 'sync_cache_reads_total'), legend: 'reads ({{result}})' },
          { expr: rate('round', 'sync_cache_write_duration_seconds_count'), legend: 'writes (round: {{round}})' },
        ],
      },
      {
        title: 'Duration, one in a hundred',
        description: 'Of writes, of the rounds in which sharers let go, and of one invalidation on a node.',
        unit: 's',
        queries: [
          { expr: quantile(0.99, 'round', 'sync_cache_write_duration_seconds'), legend: 'write (round: {{round}})' },
          { expr: quantile(0.99, '', 'sync_cache_round_duration_seconds'), legend: 'round' },
          { expr: quantile(0.99, '', 'sync_cache_invalidation_duration_seconds'), legend: 'invalidation' },
        ],
      },
      {
        title: 'Transitions',
        description: 'Changes of state of the copies, from and to.',
        unit: 'ops',
        queries: [{ expr: rate('from, to', 'sync_cache_transitions_total'), legend: '{{from}} to {{to}}' }],
      },
      {
        title: 'Memory',
        description: 'Copies of lines in each node, against CACHE_MAX_BYTES.',
        unit: 'bytes',
        queries: [{ expr: `sync_cache_bytes{${HERE}}`, legend: '{{instance}}' }],
      },
      {
        title: 'Lines',
        description: 'Copies of lines in each node, against CACHE_MAX_LINES.',
        unit: 'short',
        queries: [{ expr: `sync_cache_lines{${HERE}}`, legend: '{{instance}}' }],
      },
      {
        title: 'Not by themselves',
        description:
          'Rounds that a node had to see to, and nodes whose cache waits since Redis may have lost something.',
        unit: 'short',
        queries: [
          { expr: increase('instance', 'sync_cache_polls_total'), legend: 'rounds seen to by {{instance}}' },
          { expr: `sum(sync_cache_holding{${HERE}})`, legend: 'nodes that hold back' },
        ],
      },
    ],
  },
  {
    title: 'Redis',
    panels: [
      {
        title: 'Script calls',
        description: 'Calls in a second by outcome.',
        unit: 'ops',
        queries: [{ expr: rate('outcome', 'sync_redis_command_duration_seconds_count'), legend: '{{outcome}}' }],
      },
      {
        title: 'Duration, one in a hundred',
        description: 'The 99th percentile of each script, from sending to its answer.',
        unit: 's',
        queries: [{ expr: quantile(0.99, 'script', 'sync_redis_command_duration_seconds'), legend: '{{script}}' }],
      },
      {
        title: 'Connections made',
        description: 'Connections that were made; more than at the start are reconnections.',
        unit: 'short',
        queries: [
          { expr: increase('instance, purpose', 'sync_redis_connections_total'), legend: '{{instance}} {{purpose}}' },
        ],
      },
      {
        title: 'Keeps what it is told',
        description: '1 where every write is synced, and where keys are evicted when memory is full.',
        unit: 'short',
        queries: [
          { expr: 'min(sync_redis_durable)', legend: 'durable (should be 1)' },
          { expr: 'max(sync_redis_evicts)', legend: 'evicts (should be 0)' },
        ],
      },
    ],
  },
];
