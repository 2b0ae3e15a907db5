-- What time alone has changed: it is carried out at the start of every script, so that each sees the queue as it
-- should be now. Bounded: what is left over waits for the next script.
--- @bullmq "promote"
--- @bullmq "moveToFinished"

local function optionsOf(id)
  local text = redis.call('HGET', base .. id, 'opts')
  return text and cjson.decode(text) or {}
end

-- A message can be taken that could not since it was pushed, so that it may stand behind younger ones.
local function becomesReady(id)
  arrived = arrived + 1
  redis.call('ZADD', ageKey, redis.call('HGET', base .. id, 'timestamp'), id)
end

-- The message is no longer in flight; its receipt is void.
local function leavesFlight(id)
  redis.call('ZREM', inflightKey, id)
  redis.call('DEL', base .. id .. ':lock')
end

-- The message is gone; its deduplication window stays, which BullMQ's own removal would end.
local function forget(id)
  redis.call('DEL', base .. id, base .. id .. ':lock')
  redis.call('ZREM', ageKey, id)
  redis.call('ZREM', expiryKey, id)
end

-- Ends a delivery as failed by BullMQ's own operation.
local function becomesDead(id, reason, maxDead)
  leavesFlight(id)
  local before = redis.call('ZCARD', failedKey)
  bullmq_moveToFinished({waitKey, activeKey, prioritizedKey, eventsKey, stalledKey, limiterKey, delayedKey, pausedKey,
    metaKey, counterKey, failedKey, base .. id, base .. 'metrics:failed', markerKey},
    {id, nowText, 'failedReason', reason, 'failed', '0', base,
    cmsgpack.pack({token = '0', keepJobs = {count = tonumber(maxDead)}, attempts = 1, maxMetricsSize = ''}), ''})
  tell(DROPPED, before + 1 - redis.call('ZCARD', failedKey))
end

-- An expired message that comes back from a delivery.
local function dropExpired(id)
  redis.call('LREM', activeKey, 1, id)
  redis.call('ZREM', inflightKey, id)
  forget(id)
  tell(EXPIRED, 1)
end

-- Makes a delivery ready again ahead of all that wait: BullMQ serves its wait list first, from the right.
local function returnTo(side, id, expiresAt)
  leavesFlight(id)
  redis.call('LREM', activeKey, -1, id)
  redis.call(side, waitKey, id)
  if expiresAt then redis.call('ZADD', expiryKey, expiresAt, id) end
  becomesReady(id)
end

-- A delivery whose visibility ran out: ahead of all that wait, in the order in which the deliveries ran out.
local function redeliver(id, maxDead)
  local options = optionsOf(id)
  if options.expiresAt and options.expiresAt <= now then return dropExpired(id) end
  if tonumber(redis.call('HGET', base .. id, 'ats') or 0) >= options.attempts then
    tell(DEAD, 1)
    return becomesDead(id, 'max_deliveries', maxDead)
  end
  returnTo('LPUSH', id, options.expiresAt)
  tell(REDELIVERED, 1)
end

-- More messages are due than one script promotes: what becomes ready meanwhile joins them at their end.
local isBehind

-- Drops what expired, gives back what was not acknowledged in time, promotes what is due.
local function settle(maxDead, lapses)
  if known.isSettled then return end
  isBehind = false
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', expiryKey, '-inf', nowText, 'LIMIT', '0', '100')) do
    if redis.call('ZREM', prioritizedKey, id) + redis.call('ZREM', delayedKey, id) == 0 then
      redis.call('LREM', waitKey, 1, id)
    end
    forget(id)
    tell(EXPIRED, 1)
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', inflightKey, '-inf', '(' .. exact(now), 'LIMIT', '0', lapses or '100')) do
    redeliver(id, maxDead)
  end
  local due = redis.call('ZRANGEBYSCORE', delayedKey, '-inf', exact((now + 1) * 4096 - 1), 'LIMIT', '0', '1000')
  isBehind = #due == 1000
  for _, id in ipairs(due) do
    bullmq_promote({delayedKey, waitKey, pausedKey, metaKey, prioritizedKey, activeKey, counterKey, eventsKey,
      markerKey}, {base, id})
    becomesReady(id)
  end
  known.isSettled = true
end

-- The bucket's list of queues with deliveries out, by when the first of them runs out. It may say so too early, never
-- too late: who looks sets it right.
local function noteDeliveries()
  local first = redis.call('ZRANGE', inflightKey, 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', dueKey, first[2], name)
  else
    redis.call('ZREM', dueKey, name)
  end
end
