#!lua flags=allow-oom
-- EXTEND: what an acquisition of several has taken stays for as long as it goes on.
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
-- ARGV[8] id of the call
-- Answers { time, wake, more, expired, 1 if it is still there, else 0 }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, call = ARGV[7], ARGV[8]
  local hold = hold_of(owner)
  if not hold or hold.call ~= call or hold.confirmed or hold.deadline <= lock.now then return finish(step(), 0) end
  hold.deadline = lock.now + OFFER_MS
  put_hold(owner, hold, nil)
  return finish(step(), 1)
end
