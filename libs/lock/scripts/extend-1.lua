#!lua flags=allow-oom
-- EXTEND: what an acquisition of several has taken stays for as long as it goes on.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] id of the call
-- Answers { step, 1 if it is still there, else 0 }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, call = ARGV[3], ARGV[4]
  local hold = hold_of(owner)
  if not hold or hold.call ~= call or hold.confirmed or hold.deadline <= lock.now then return finish(step(), 0) end
  hold.deadline = lock.now + OFFER_MS
  put_hold(owner, hold, nil)
  return finish(step(), 1)
end
