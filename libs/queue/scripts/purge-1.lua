#!lua flags=allow-oom
-- Removes messages of one state for good, at most 1000 per call; deduplication windows stay.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] "ready", "delayed", "inflight" or "dead"
-- Answers {'ok', effects, removed, left in that state}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local LIMIT = 1000

local function removeRange(key)
  local ids = redis.call('ZRANGE', key, 0, LIMIT - 1)
  if #ids > 0 then redis.call('ZREM', key, unpack(ids)) end
  return ids
end

local function run()
  begin()
  settle(ARGV[2])
  local state, ids, left = ARGV[3], {}, 0
  if state == 'ready' then
    ids = redis.call('LRANGE', waitKey, -LIMIT, -1)
    if #ids > 0 then redis.call('LTRIM', waitKey, 0, -#ids - 1) else ids = removeRange(prioritizedKey) end
  elseif state == 'delayed' then
    ids = removeRange(delayedKey)
  elseif state == 'dead' then
    ids = removeRange(failedKey)
  else
    ids = removeRange(inflightKey)
    for _, id in ipairs(ids) do redis.call('LREM', activeKey, -1, id) end
    noteDeliveries()
  end
  for _, id in ipairs(ids) do forget(id) end
  wakeForArrivals()
  if state == 'ready' then left = readyCount()
  elseif state == 'delayed' then left = redis.call('ZCARD', delayedKey)
  elseif state == 'dead' then left = redis.call('ZCARD', failedKey)
  else left = redis.call('ZCARD', inflightKey) end
  return {'ok', effects, #ids, left}
end
