#!lua flags=allow-oom
-- Carries out what time alone has changed, for queues that nobody calls.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD
-- Answers {'ok', effects, ms until the next delayed message or -1, 1 where more deliveries have run out}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  settle(ARGV[2], '1000')
  noteDeliveries()
  wakeForArrivals()
  return {'ok', effects, nextDelayedInMs(), redis.call('ZCOUNT', inflightKey, '-inf', '(' .. exact(now)) > 0 and 1 or 0}
end
