#!lua flags=allow-oom
-- A waiting pop goes: its place too, and a wake-up that it had got goes to the next.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[3] place
-- Answers {'ok'}
--- @include "queue"
--- @include "wake"
local function run()
  begin()
  if redis.call('ZREM', waitersKey, ARGV[3]) == 0 and readyCount() > 0 and not isPaused() then wake(1) end
  return {'ok'}
end
