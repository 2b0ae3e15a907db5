#!lua flags=allow-oom
-- REFUSE: the victim of a deadlock loses its place, if it still has it.
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
-- ARGV[7] owner
-- ARGV[8] ticket
-- ARGV[9] the cycle, for the answer to the victim (JSON)
-- Answers { time, wake, more, expired, 1 if it lost it, else 0 }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, ticket, cycle = ARGV[7], ARGV[8], ARGV[9]
  local place = place_of(owner)
  if not place or place.state ~= 'q' or exact(place.ticket) ~= ticket then return finish(step(), 0) end
  drop_place(owner, hold_of(owner))
  for _, instance in ipairs(place.instances) do tell(instance.id, 'lock.refused', NAME, owner, ticket, cycle) end
  return finish(step(), 1)
end
