-- The keys of one queue and its clock. Every script of this folder has the same five keys (queue.keys.ts) and the
-- queue's name as ARGV[1].

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
-- Of each call.
local requestKey
-- Messages that became ready in this call.
local arrived
-- {redelivered, dead by max_deliveries, expired, dead letters dropped}: told to the caller for events and the log.
local effects

-- Whole numbers as text: Lua's own conversion turns what has more than 14 digits into 1.79e+15.
local function whole(number)
  return string.format('%.0f', number)
end

local function meet()
  base, own, namesKey, dueKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
  name = ARGV[1]
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
  requestKey, arrived, effects = KEYS[5], 0, {0, 0, 0, 0}
  local isSame = base == KEYS[1]
  if isSame and begunIn == COMMAND then return end
  if not isSame then meet() end
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  nowText, nowMicros = whole(now), time[1] * 1000000 + time[2]
  begunIn, known = COMMAND, {}
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
