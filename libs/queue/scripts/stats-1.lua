#!lua flags=allow-oom
-- How many messages the queue has, by state.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD
-- Answers {'ok', effects, ready, delayed, inflight, dead, 1 where paused, ms since the oldest ready was pushed or -1}
--- @include "queue"
--- @include "wake"
--- @include "settle"
-- When the oldest message that is ready was pushed. Those of a priority stand as they were pushed, but for those in `age`.
local function oldestPush()
  local oldest = tonumber(redis.call('ZRANGE', ageKey, 0, 0, 'WITHSCORES')[2])
  local first = redis.call('ZRANGE', prioritizedKey, 0, 0, 'WITHSCORES')
  while first[1] do
    local pushed = tonumber(redis.call('HGET', base .. first[1], 'timestamp'))
    oldest = math.min(oldest or pushed, pushed)
    local nextPriority = (math.floor(first[2] / PER_PRIORITY) + 1) * PER_PRIORITY
    first = redis.call('ZRANGEBYSCORE', prioritizedKey, exact(nextPriority), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  end
  return oldest
end

local function run()
  begin()
  settle(ARGV[2])
  wakeForArrivals()
  local oldest = oldestPush()
  return {'ok', effects, readyCount(), redis.call('ZCARD', delayedKey), redis.call('ZCARD', inflightKey),
    redis.call('ZCARD', failedKey), isPaused() and 1 or 0, oldest and math.max(now - oldest, 0) or -1}
end
