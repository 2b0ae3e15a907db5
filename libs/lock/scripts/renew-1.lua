#!lua flags=allow-oom
-- RENEW: the owner's hold lasts from now on for its lease; that may also be shorter than before.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] lease, ms; 0 for the last one of the hold
-- ARGV[5] id of the call
-- Answers { step, deadline in ms from now } or { .., -1 } if the owner does not hold it
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, lease, call = ARGV[3], tonumber(ARGV[4]), ARGV[5]
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
