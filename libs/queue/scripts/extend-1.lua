#!lua flags=allow-oom
-- Sets anew when the visibility of a delivery runs out, by BullMQ's own operation.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] id  ARGV[4] token  ARGV[5] visibilityMs
-- Answers {'ok', effects} or {'stale_receipt', effects}
--- @include "queue"
--- @include "wake"
--- @include "settle"
--- @bullmq "extendLock"
local function run()
  begin()
  local id, token, visibility = ARGV[3], ARGV[4], ARGV[5]
  settle(ARGV[2])
  local status = 'stale_receipt'
  if redis.call('ZSCORE', inflightKey, id)
    and bullmq_extendLock({base .. id .. ':lock', stalledKey}, {token, visibility, id}) == 1 then
    redis.call('ZADD', inflightKey, exact(now + visibility), id)
    noteDeliveries()
    status = 'ok'
  end
  wakeForArrivals()
  return {status, effects}
end
