#!lua flags=allow-oom
-- Acknowledges deliveries: their messages are gone.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] "0"  ARGV[3] QUEUE_MAX_DEAD  ARGV[4..] id and token of each receipt
-- Answers {'ok', effects, indexes of stale receipts}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  settle(ARGV[3])
  local stale = {}
  for i = 4, #ARGV, 2 do
    local id, token = ARGV[i], ARGV[i + 1]
    if redis.call('ZSCORE', inflightKey, id) and finish(id, token, 'completed', 'returnvalue', 'null', 0) == 0 then
      redis.call('ZREM', inflightKey, id)
    else
      stale[#stale + 1] = (i - 4) / 2
    end
  end
  noteDeliveries()
  wakeForArrivals()
  return {'ok', effects, stale}
end
