#!lua flags=no-writes
-- GRAPH: who waits behind whom, for the search for deadlocks.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] most holders and waiters that are looked at
-- Answers { step, number of holders, of waiters,
--   { owner, mode, token, 1 if the hold is firm, .. }, { owner, mode, ticket, limit, 1 if it upgrades, .. } in their order }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local most = tonumber(ARGV[3])
  local holders, waiters = {}, {}
  local owners = live_owners(most)
  for i = 1, #owners, 2 do
    local hold = hold_of(owners[i])
    -- An offer may yet be handed on; a part of several is kept for as long as its owner waits for the rest.
    local firm = hold.confirmed or hold.call ~= '-'
    for _, word in ipairs({ owners[i], hold.mode, exact(hold.token), firm and '1' or '0' }) do holders[#holders + 1] = word end
  end
  local queue = queue_of(most)
  for i = 1, #queue, 2 do
    local place = place_of(queue[i])
    local upgrades = tonumber(queue[i + 1]) == UPGRADER
    for _, word in ipairs({ queue[i], place.mode, exact(place.ticket), exact(place.limit), upgrades and '1' or '0' }) do
      waiters[#waiters + 1] = word
    end
  end
  return { millis(), live_holders(), lock.queue, holders, waiters }
end
