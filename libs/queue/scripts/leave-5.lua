#!lua flags=allow-oom
-- A waiting pop goes: its place too, and a wake-up that it had got goes to the next.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[4] place
-- Answers {'ok'}
--- @include "queue"
--- @include "wake"
local function run()
  begin()
  if redis.call('ZREM', waitersKey, ARGV[4]) == 0 and readyCount() > 0 and not isPaused() then wake(1) end
  return {'ok'}
end
