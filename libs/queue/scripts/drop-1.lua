#!lua flags=allow-oom
-- Ends a queue that has no message left: nothing of it stays.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD
-- Answers {'ok', effects, 1 where it is gone, 0 where it has messages again}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  settle(ARGV[2])
  if length() + redis.call('ZCARD', failedKey) > 0 then
    wakeForArrivals()
    return {'ok', effects, 0}
  end
  redis.call('DEL', metaKey, idKey, counterKey, eventsKey, markerKey, stalledKey, completedKey, inflightKey, expiryKey, ageKey)
  redis.call('ZREM', namesKey, name)
  redis.call('ZREM', dueKey, name)
  return {'ok', effects, 1}
end
