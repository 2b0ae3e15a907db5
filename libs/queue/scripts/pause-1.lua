#!lua flags=allow-oom
-- Pauses or resumes a queue by BullMQ's own operation; who waits is woken when it resumes.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] "paused" or "resumed"
-- Answers {'ok', effects}
--- @include "queue"
--- @include "wake"
--- @include "settle"
--- @bullmq "pause"
local function run()
  begin()
  local from, to = waitKey, pausedKey
  if ARGV[3] == 'resumed' then from, to = pausedKey, waitKey end
  bullmq_pause({from, to, metaKey, prioritizedKey, eventsKey, delayedKey, markerKey}, {ARGV[3], '1'})
  settle(ARGV[2])
  if ARGV[3] == 'resumed' then wake(readyCount()) end
  return {'ok', effects}
end
