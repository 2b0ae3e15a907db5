#!lua flags=allow-oom
-- Gives a delivery back: to the end of its priority, with a delay, or to the dead letters.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] requestId with its route, or ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] id  ARGV[4] token  ARGV[5] delayMs
-- ARGV[6] "1": straight to the dead letters
-- Answers {'ok', effects, 'ready' or 'delayed' or 'rejected' or 'max_deliveries' or 'expired'} or {'stale_receipt', effects}
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
--- @bullmq "retryJob"
--- @bullmq "moveToDelayed"
-- Of each call.
local id, token, delay

-- Answers where the message went.
local function giveBack()
  local options = optionsOf(id)
  if ARGV[6] == '1' then
    becomesDead(id, 'rejected', ARGV[2])
    return 'rejected'
  end
  if options.expiresAt and options.expiresAt <= now then
    dropExpired(id)
    return 'expired'
  end
  if tonumber(redis.call('HGET', base .. id, 'ats')) >= options.attempts then
    becomesDead(id, 'max_deliveries', ARGV[2])
    return 'max_deliveries'
  end
  if options.expiresAt then redis.call('ZADD', expiryKey, options.expiresAt, id) end
  if delay ~= '0' or isBehind then
    bullmq_moveToDelayed({markerKey, activeKey, prioritizedKey, delayedKey, base .. id, eventsKey, metaKey, stalledKey,
      waitKey, limiterKey, counterKey}, {base, exact(now), id, token, delay, '0', '', '0', ''})
    leavesFlight(id)
    tellNextDelayed(id)
    return 'delayed'
  end
  bullmq_retryJob({activeKey, waitKey, pausedKey, base .. id, metaKey, eventsKey, nothingKey, prioritizedKey, counterKey,
    markerKey, stalledKey}, {base, exact(now), 'LPUSH', id, token, ''})
  leavesFlight(id)
  becomesReady(id)
  return 'ready'
end

local function run()
  begin()
  id, token, delay = ARGV[3], ARGV[4], ARGV[5]
  local told = replay()
  if told then return told end
  settle(ARGV[2])
  if not redis.call('ZSCORE', inflightKey, id) or redis.call('GET', base .. id .. ':lock') ~= token then
    wakeForArrivals()
    return {'stale_receipt', effects}
  end
  local where = giveBack()
  noteDeliveries()
  wakeForArrivals()
  return remember({'ok', effects, where})
end
