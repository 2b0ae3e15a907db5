#!lua flags=allow-oom
-- Pauses or resumes a queue by BullMQ's own operation; who waits is woken when it resumes.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] "0"  ARGV[3] QUEUE_MAX_DEAD  ARGV[4] "paused" or "resumed"
-- Answers {'ok', effects}
--- @include "queue"
--- @include "wake"
--- @include "settle"
--- @bullmq "pause"
local function run()
  begin()
  local from, to = waitKey, pausedKey
  if ARGV[4] == 'resumed' then from, to = pausedKey, waitKey end
  bullmq_pause({from, to, metaKey, prioritizedKey, eventsKey, delayedKey, markerKey}, {ARGV[4], '1'})
  settle(ARGV[3])
  if ARGV[4] == 'resumed' then wake(readyCount()) end
  return {'ok', effects}
end
