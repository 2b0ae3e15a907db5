#!lua flags=allow-oom
-- Puts back what was taken with receipts and could not be delivered, as if it had not been taken.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] requestId with its route, or ""  ARGV[3] token  ARGV[4..] ids, in the order in which they were taken
-- Answers {'ok', how many} or {'kept'} where a repetition of the call already has the receipts
--- @include "queue"
--- @include "wake"
--- @include "settle"
local function run()
  begin()
  local token = ARGV[3]
  if ARGV[1] ~= '' then
    if redis.call('HEXISTS', requestKey, 'replayed') == 1 then return {'kept'} end
    redis.call('DEL', requestKey)
  end
  local count = 0
  -- From the last to the first, since each goes to the very front.
  for i = #ARGV, 4, -1 do
    local id = ARGV[i]
    if redis.call('ZSCORE', inflightKey, id) and redis.call('GET', base .. id .. ':lock') == token then
      returnTo('RPUSH', id, optionsOf(id).expiresAt)
      redis.call('HINCRBY', base .. id, 'ats', -1)
      count = count + 1
    end
  end
  noteDeliveries()
  wakeForArrivals()
  return {'ok', count}
end
