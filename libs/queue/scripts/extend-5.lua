#!lua flags=allow-oom
-- Sets anew when the visibility of a delivery runs out, by BullMQ's own operation.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] "0"  ARGV[3] QUEUE_MAX_DEAD  ARGV[4] id  ARGV[5] token  ARGV[6] visibilityMs
-- Answers {'ok', effects} or {'stale_receipt', effects}
--- @include "queue"
--- @include "wake"
--- @include "settle"
--- @bullmq "extendLock"
local function run()
  begin()
  local id, token, visibility = ARGV[4], ARGV[5], ARGV[6]
  settle(ARGV[3])
  local status = 'stale_receipt'
  if redis.call('ZSCORE', inflightKey, id)
    and bullmq_extendLock({base .. id .. ':lock', stalledKey}, {token, visibility, id}) == 1 then
    redis.call('ZADD', inflightKey, whole(now + visibility), id)
    noteDeliveries()
    status = 'ok'
  end
  wakeForArrivals()
  return {status, effects}
end
