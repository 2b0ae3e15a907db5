-- The keys of one queue and its clock. Scripts of a queue have one key, the base of BullMQ's; the others, of the same
-- slot, are found by it (queue.keys.ts says the same).

-- BullMQ's score of a message that is ready is its priority times this and the place of its coming.
local PER_PRIORITY = 0x100000000

-- Of the queue that was called last.
local base, own, namesKey, dueKey, name
local waitKey, activeKey, prioritizedKey, delayedKey, failedKey, completedKey
local metaKey, idKey, counterKey, eventsKey, markerKey, stalledKey, limiterKey, pausedKey
local inflightKey, waitersKey, expiryKey, ageKey, nothingKey
-- Of a command: calls that are joined are at one time, and what one has read the next need not read again.
local now, nowText, nowMicros
local begunIn, known
-- The memory of the call's requestId, if it has one.
local requestKey
-- Messages that became ready in this call.
local arrived
-- 0, or {redelivered, dead by max_deliveries, expired, dead letters dropped}: told to the caller for events and the log.
local effects
local REDELIVERED, DEAD, EXPIRED, DROPPED = 1, 2, 3, 4

local ENCODED = {['25'] = '%', ['3A'] = ':'}

local function meet()
  local prefix, bucket, encoded = string.match(KEYS[1], '^(.*):queue:({%d+}):([^:]*):$')
  own = prefix .. ':pull:' .. bucket .. ':' .. encoded .. ':'
  namesKey, dueKey = prefix .. ':queues:' .. bucket, prefix .. ':deliveries:' .. bucket
  name = string.gsub(encoded, '%%(%x%x)', ENCODED)
  base = KEYS[1]
  waitKey, activeKey, prioritizedKey = base .. 'wait', base .. 'active', base .. 'prioritized'
  delayedKey, failedKey, completedKey = base .. 'delayed', base .. 'failed', base .. 'completed'
  metaKey, idKey, counterKey, eventsKey = base .. 'meta', base .. 'id', base .. 'pc', base .. 'events'
  markerKey, stalledKey, limiterKey, pausedKey =
    base .. 'marker', base .. 'stalled', base .. 'limiter', base .. 'paused'
  inflightKey, waitersKey, expiryKey, ageKey = own .. 'inflight', own .. 'waiters', own .. 'expiry', own .. 'age'
  -- Given to BullMQ in the place of its delayed set where it must promote nothing by itself.
  nothingKey = own .. 'nothing'
end

-- How every script begins.
local function begin()
  arrived, effects = 0, 0
  local isSame = base == KEYS[1]
  if not isSame then meet() end
  requestKey = ARGV[1] ~= '' and own .. 'request:' .. ARGV[1]
  if isSame and begunIn == COMMAND then return end
  now, nowMicros = millis(), micros()
  nowText = exact(now)
  begunIn, known = COMMAND, {}
end

local function tell(effect, count)
  if effects == 0 then effects = {0, 0, 0, 0} end
  effects[effect] = effects[effect] + count
end

-- {false unless paused, false where nothing was ever pushed}
local function meta()
  known.meta = known.meta or redis.call('HMGET', metaKey, 'paused', 'opts.maxLenEvents')
  return known.meta
end

local function isPaused()
  return meta()[1] ~= false
end

-- How many messages can be taken now.
local function readyCount()
  return redis.call('ZCARD', prioritizedKey) + redis.call('LLEN', waitKey)
end

-- What QUEUE_MAX_LENGTH bounds.
local function length()
  return readyCount() + redis.call('ZCARD', delayedKey) + redis.call('ZCARD', inflightKey)
end
