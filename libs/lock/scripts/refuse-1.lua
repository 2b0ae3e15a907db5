#!lua flags=allow-oom
-- REFUSE: the victim of a deadlock loses its place, if it still has it.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] ticket
-- ARGV[5] the cycle, for the answer to the victim (JSON)
-- Answers { step, 1 if it lost it, else 0 }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, ticket, cycle = ARGV[3], ARGV[4], ARGV[5]
  local place = place_of(owner)
  if not place or place.state ~= 'q' or place.ticket ~= tonumber(ticket) then return finish(step(), 0) end
  drop_place(owner, hold_of(owner))
  for _, instance in ipairs(place.instances) do tell(instance.id, 'lock.refused', NAME, owner, ticket, cycle) end
  return finish(step(), 1)
end
