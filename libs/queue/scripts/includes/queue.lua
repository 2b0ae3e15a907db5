-- The keys of one queue and its clock. Every script of this folder has the same five keys (queue.keys.ts) and the
-- queue's name as ARGV[1].

-- Of each call.
local base, own, namesKey, dueKey, requestKey, name
local waitKey, activeKey, prioritizedKey, delayedKey, failedKey, completedKey
local metaKey, idKey, counterKey, eventsKey, markerKey, stalledKey, limiterKey, pausedKey
local inflightKey, waitersKey, expiryKey, ageKey, nothingKey
local now, nowMicros
-- Messages that became ready in this call.
local arrived
-- {redelivered, dead by max_deliveries, expired, dead letters dropped}: told to the caller for events and the log.
local effects

-- How every script begins.
local function begin()
  base, own, namesKey, dueKey, requestKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
  name = ARGV[1]
  waitKey, activeKey, prioritizedKey = base .. 'wait', base .. 'active', base .. 'prioritized'
  delayedKey, failedKey, completedKey = base .. 'delayed', base .. 'failed', base .. 'completed'
  metaKey, idKey, counterKey, eventsKey = base .. 'meta', base .. 'id', base .. 'pc', base .. 'events'
  markerKey, stalledKey, limiterKey, pausedKey =
    base .. 'marker', base .. 'stalled', base .. 'limiter', base .. 'paused'
  inflightKey, waitersKey, expiryKey, ageKey = own .. 'inflight', own .. 'waiters', own .. 'expiry', own .. 'age'
  -- Given to BullMQ in the place of its delayed set where it must promote nothing by itself.
  nothingKey = own .. 'nothing'
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  nowMicros = time[1] * 1000000 + time[2]
  arrived, effects = 0, {0, 0, 0, 0}
end

-- Whole numbers as text: Lua's own conversion turns what has more than 14 digits into 1.79e+15.
local function whole(number)
  return string.format('%.0f', number)
end

local function isPaused()
  return redis.call('HEXISTS', metaKey, 'paused') == 1
end

-- How many messages can be taken now.
local function readyCount()
  return redis.call('ZCARD', prioritizedKey) + redis.call('LLEN', waitKey)
end

-- What QUEUE_MAX_LENGTH bounds.
local function length()
  return readyCount() + redis.call('ZCARD', delayedKey) + redis.call('ZCARD', inflightKey)
end
