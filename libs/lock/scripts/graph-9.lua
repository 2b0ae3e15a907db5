#!lua flags=no-writes
-- GRAPH: who waits behind whom, for the search for deadlocks.
-- KEYS[1] lock
-- KEYS[2] its holds
-- KEYS[3] its deadlines
-- KEYS[4] its queue
-- KEYS[5] its places
-- KEYS[6] its watchers
-- KEYS[7] names of the bucket
-- KEYS[8] owners of the bucket
-- KEYS[9] when entries of the bucket are over
-- ARGV[1] name
-- ARGV[2] floor of the fencing token
-- ARGV[3] snapshot of the registry
-- ARGV[4] ms for which an offer stands; negative if nothing may be granted yet, since holds may have been lost
-- ARGV[5] beginning of a channel name; the instance follows
-- ARGV[6] instance of the caller
-- ARGV[7] most holders and waiters that are looked at
-- Answers { time, wake, more, expired, number of holders, of waiters,
--   { owner, mode, token, 1 if the hold is firm, .. }, { owner, mode, ticket, limit, 1 if it upgrades, .. } in their order }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local most = tonumber(ARGV[7])
  local holders, waiters = {}, {}
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. exact(lock.now), '+inf', 'LIMIT', 0, most)) do
    local hold = hold_of(owner)
    -- An offer may yet be handed on; a part of several is kept for as long as its owner waits for the rest.
    local firm = hold.confirmed or hold.call ~= '-'
    for _, word in ipairs({ owner, hold.mode, hold.token, firm and '1' or '0' }) do holders[#holders + 1] = word end
  end
  local queue = redis.call('ZRANGE', KEYS[4], 0, most - 1, 'WITHSCORES')
  for i = 1, #queue, 2 do
    local place = place_of(queue[i])
    local upgrades = tonumber(queue[i + 1]) == UPGRADER
    for _, word in ipairs({ queue[i], place.mode, exact(place.ticket), exact(place.limit), upgrades and '1' or '0' }) do
      waiters[#waiters + 1] = word
    end
  end
  return { exact(lock.millis), -1, 0, 0, live_holders(), redis.call('ZCARD', KEYS[4]), holders, waiters }
end
