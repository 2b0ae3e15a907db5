import { hostname } from 'node:os';
import { flag, integer, oneOf, redisUrl, text } from './setting.forms.js';

const port = integer(1, 65_535);
const positive = integer(1, 1_000_000_000);

/**
 * Every setting of a node, by the name of its environment variable: form, bounds, default and meaning.
 * Names end in their unit (`_MS`, `_BYTES`, `_PER_S`); this table is the only place with defaults.
 */
export const settingsTable = {
  NODE_ID: text(
    /^[\w.-]{1,64}$/,
    '1 to 64 letters, digits, "_", "." or "-"',
  )({
    default:
      hostname()
        .replace(/[^\w.-]/g, '-')
        .slice(0, 64) || 'node',
    desc: 'Label of this node in answers, metrics and logs; the host name unless given.',
  }),
  PORT: port({ default: 8001, desc: 'TCP port that the node listens on.' }),
  HOST: text(
    /^[\w.:-]+$/,
    'an address or host name',
  )({
    default: '0.0.0.0',
    desc: 'Address that the node listens on.',
  }),
  PUBLIC_URL: text(
    /^https?:\/\/\S+$/,
    'an http or https URL',
  )({
    default: undefined,
    desc: 'Where clients reach this node; told to others in GET /cluster.',
  }),
  REDIS_URL: redisUrl({
    default: 'redis://127.0.0.1:6379',
    desc: 'The Redis that all nodes share; rediss:// for TLS, with user and password where it asks for them.',
  }),
  REDIS_SENTINELS: text(
    /^(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}(,(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5})*$/,
    'a list like host:26379,host:26379',
  )({
    default: undefined,
    desc:
      'Sentinels that know which Redis is the primary; in place of host and port REDIS_URL then has the name that they ' +
      'know it by (redis://mymaster), and with rediss:// they are asked over TLS too.',
  }),
  REDIS_SENTINEL_PASSWORD: text(
    /^.+$/,
    'a text',
  )({
    default: undefined,
    desc: 'Password of the Sentinels, where they ask for one.',
  }),
  REDIS_TIMEOUT_MS: integer(
    50,
    60_000,
  )({
    default: 1000,
    desc: 'How long one answer of Redis may take before the request is refused with 503.',
  }),
  REDIS_KEY_PREFIX: text(
    /^[\w.-]{1,32}$/,
    '1 to 32 letters, digits, "_", "." or "-"',
  )({
    default: 'sync',
    desc: 'First part of every key and channel, so that several systems can share one Redis.',
  }),
  EMPTY_REDIS_IS_NEW: oneOf(['true', 'false'])({
    default: 'false',
    desc:
      'Whether a Redis without any trace of this system has never had one, so that nobody holds locks from before. ' +
      'Set it where only that can be, as with data on a volume; else the first nodes on an empty Redis hold back for LOCK_GRACE_MAX_MS.',
  }),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])({
    default: 'info',
    desc: 'Least severity that is logged; debug logs each request.',
  }),
  LOG_PRETTY: oneOf(['auto', 'true', 'false'])({
    default: 'auto',
    desc: 'Whether log lines are for people instead of machines; auto: on a terminal.',
  }),
  ACTIVITY_LOG_MS: integer(
    100,
    3_600_000,
  )({
    default: 10_000,
    desc: 'Least time between two lines of activity in the log.',
  }),
  API_TOKENS_FILE: text(
    /^\S(.*\S)?$/,
    'the path of a file',
  )({
    default: undefined,
    desc: 'Lines of "name sha256-of-token scope[,scope]"; with it every call needs a token. Read again when it changes.',
  }),
  METRICS_PUBLIC: flag({ default: false, desc: 'Whether GET /metrics needs no token where other calls do.' }),
  MAX_BODY_BYTES: integer(
    1024,
    64 * 1024 * 1024,
  )({
    default: 1024 * 1024,
    desc: 'Largest request body; above it the answer is 413.',
  }),
  REQUEST_TIMEOUT_MS: integer(
    1000,
    3_600_000,
  )({
    default: 60_000,
    desc: 'How long a client may take to send one request, body included; looked at every 30 s.',
  }),
  KEEP_ALIVE_MS: integer(
    1000,
    3_600_000,
  )({
    default: 75_000,
    desc: 'How long an idle connection is kept; longer than a proxy in front keeps it, or some of its calls meet a closed one.',
  }),
  MAX_IN_FLIGHT: positive({
    default: 2000,
    desc: 'Most requests at work in this node; above it the answer is 503 at once.',
  }),
  MAX_WAITING: positive({
    default: 10_000,
    desc: 'Most requests that wait in this node (waitMs above 0, /lock/watch); above it the answer is 503 at once.',
  }),
  MAX_EVENT_LOOP_DELAY_MS: integer(
    10,
    60_000,
  )({
    default: 250,
    desc: 'Above this mean delay of the event loop for a second, requests are answered 503 at once.',
  }),
  RATE_LIMIT_PER_S: integer(
    0,
    1_000_000,
  )({
    default: 0,
    desc: 'Most calls of one caller (credential, else address) to this node in a second; above it 429. 0: no limit.',
  }),
  RATE_LIMIT_MAX_CALLERS: positive({
    default: 10_000,
    desc: 'Of how many callers the rate is remembered.',
  }),
  TRUSTED_PROXIES: integer(
    0,
    10,
  )({
    default: 0,
    desc: 'How many proxies in front add to X-Forwarded-For, for the address of a caller; 0: the header is not believed.',
  }),
  SHUTDOWN_NOTICE_MS: integer(
    0,
    600_000,
  )({
    default: 3000,
    desc:
      'How long after SIGTERM a node says that it is not ready and serves as before, so that balancers take it out first; ' +
      'at least as long as they need for that. SIGINT, or a second signal, ends it.',
  }),
  SHUTDOWN_GRACE_MS: integer(
    0,
    600_000,
  )({
    default: 10_000,
    desc: 'How long requests in flight may take to end after that.',
  }),
  CACHE_MAX_BYTES: positive({
    default: 128 * 1024 * 1024,
    desc: 'Most bytes of cached lines in the memory of this node.',
  }),
  CACHE_MAX_LINES: positive({ default: 100_000, desc: 'Most cached lines in the memory of this node.' }),
  CACHE_WRITE_TIMEOUT_MS: integer(
    1000,
    600_000,
  )({
    default: 10_000,
    desc: 'How long a cache write waits for other nodes to let go of the line before it is refused with 503.',
  }),
  CACHE_MAX_WAITING_WRITES: positive({
    default: 10_000,
    desc: 'Most writes to one line that wait on this node; above it they are refused with 503.',
  }),
  CACHE_SWEEP_MS: integer(
    100,
    3_600_000,
  )({
    default: 2000,
    desc: 'Least time between two looks, at a quarter of all lines each, for values that have ended and that nobody reads.',
  }),
  CACHE_HOT_FROM: positive({
    default: 16,
    desc: 'From how many more changes of writer than reads on a line is no longer cached.',
  }),
  LOCK_OFFER_MS: integer(
    100,
    60_000,
  )({
    default: 2000,
    desc: 'How long a lock is kept for a waiter that has not yet confirmed it.',
  }),
  LOCK_MAX_WAITERS: positive({ default: 10_000, desc: 'Most waiters of one lock.' }),
  LOCK_GRACE_MAX_MS: integer(
    0,
    86_400_000,
  )({
    default: 30_000,
    desc: 'Longest time for which locks are held back after Redis may have lost holds.',
  }),
  LOCK_MIN_REPLICAS: integer(
    0,
    100,
  )({
    default: 0,
    desc: 'How many replicas of Redis must have a grant before it is told.',
  }),
  QUEUE_IDLE_MS: integer(
    100,
    86_400_000,
  )({
    default: 60_000,
    desc: 'After how long without use a queue leaves the memory of this node.',
  }),
  QUEUE_MAX_LENGTH: positive({
    default: 1_000_000,
    desc: 'Most messages of one queue: ready, delayed and in flight.',
  }),
  QUEUE_MAX_IN_FLIGHT: positive({
    default: 100_000,
    desc: 'Most deliveries of one queue that are out and not acknowledged; above it a pop is refused.',
  }),
  QUEUE_MAX_DEAD: positive({
    default: 100_000,
    desc: 'Most dead letters of one queue; beyond it the oldest is dropped.',
  }),
  QUEUE_METRICS_MAX: integer(
    0,
    10_000,
  )({
    default: 100,
    desc: 'Most queues with depth and age of their own in /metrics: the first by name; 0 for none.',
  }),
  QUEUE_MAX_SCHEDULES: positive({ default: 10_000, desc: 'Most schedules of all queues.' }),
  QUEUE_BOARD_MAX: integer(
    1,
    1000,
  )({
    default: 25,
    desc: 'Most queues on the board at /admin/queues: the first by name.',
  }),
};
