#!lua flags=allow-oom
-- Puts back what was taken with receipts and could not be delivered, as if it had not been taken.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] requestId given  ARGV[4] token  ARGV[5..] id and "1" where it had been redelivered, in order
-- Answers {'ok', how many} or {'kept'} where a repetition of the call already has the receipts
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
--- @bullmq "moveJobFromActiveToWait"
local token = ARGV[4]
if ARGV[2] == '1' then
  if redis.call('HEXISTS', requestKey, 'replayed') == 1 then return {'kept'} end
  redis.call('DEL', requestKey)
end
local count = 0
-- From the last to the first, since each goes to the front.
for i = #ARGV - 1, 5, -2 do
  local id = ARGV[i]
  if redis.call('ZSCORE', inflightKey, id) and redis.call('GET', base .. id .. ':lock') == token then
    if ARGV[i + 1] == '1' then
      redis.call('LREM', activeKey, 1, id)
      redis.call('RPUSH', waitKey, id)
    else
      bullmq_moveJobFromActiveToWait({activeKey, waitKey, stalledKey, pausedKey, metaKey, limiterKey, prioritizedKey,
        markerKey, eventsKey}, {id, token, base .. id})
    end
    leavesFlight(id)
    redis.call('HINCRBY', base .. id, 'ats', -1)
    local expiresAt = optionsOf(id).expiresAt
    if expiresAt then redis.call('ZADD', expiryKey, expiresAt, id) end
    becomesReady(id)
    count = count + 1
  end
end
noteDeliveries()
wakeForArrivals()
return {'ok', count}
