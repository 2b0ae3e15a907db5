#!lua flags=allow-oom
-- Carries out what time alone has changed, for queues that nobody calls.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] "0"  ARGV[3] QUEUE_MAX_DEAD
-- Answers {'ok', effects, ms until the next delayed message or -1, 1 where more deliveries have run out}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  settle(ARGV[3], 1000)
  noteDeliveries()
  wakeForArrivals()
  return {'ok', effects, nextDelayedInMs(), redis.call('ZCOUNT', inflightKey, '-inf', '(' .. whole(now)) > 0 and 1 or 0}
end
