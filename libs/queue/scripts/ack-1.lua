#!lua flags=allow-oom
-- Acknowledges deliveries: their messages are gone, as by BullMQ's moveToFinished.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3..] id and token of each receipt
-- Answers {'ok', effects, indexes of stale receipts}
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  settle(ARGV[2])
  local stale = {}
  local out = known.out or redis.call('ZCARD', inflightKey)
  known.out = nil
  for i = 3, #ARGV, 2 do
    local id = ARGV[i]
    local job = base .. id
    local lock = job .. ':lock'
    if redis.call('GET', lock) == ARGV[i + 1] and redis.call('ZREM', inflightKey, id) == 1 then
      redis.call('LREM', activeKey, '-1', id)
      redis.call('DEL', job, lock)
      out = out - 1
    else
      stale[#stale + 1] = (i - 3) / 2
    end
  end
  known.out = out
  if out == 0 then redis.call('ZREM', dueKey, name) end
  wakeForArrivals()
  return {'ok', effects, stale}
end
