#!lua flags=allow-oom
-- RENEW: the owner's hold lasts from now on for its lease; that may also be shorter than before.
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
-- ARGV[8] lease, ms; 0 for the last one of the hold
-- ARGV[9] id of the call
-- Answers { time, wake, more, expired, deadline in ms from now } or { .., -1 } if the owner does not hold it
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, lease, call = ARGV[7], tonumber(ARGV[8]), ARGV[9]
  local hold = hold_of(owner)
  if not is_own(hold) then return finish(step(), -1) end
  local held = hold.confirmed and hold or hold.was
  if lease > 0 then held.lease = lease end
  held.deadline = lock.now + held.lease
  -- The call of an upgrade that is not confirmed yet belongs to the one that made it.
  if hold.confirmed then hold.call = call end
  put_hold(owner, hold, place_of(owner))
  return finish(step(), held.lease)
end
