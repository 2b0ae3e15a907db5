#!lua flags=allow-oom
-- CONFIRM: the waiter's node takes an offer, and his lease starts; or ends an acquisition of several.
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
-- ARGV[8] token of the offer, or '' for a part of several
-- ARGV[9] lease, ms
-- ARGV[10] id of the call, for a part of several the one that took it
-- ARGV[11] 1 if an offer is taken as part of several and stays unconfirmed
-- Answers { time, wake, more, expired, granted, token, how (new, upgraded, joined) } or { .., gone }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "confirm"
local function run()
  begin()
  local owner, token, lease, call = ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10]
  local hold = hold_of(owner)
  local mine = hold and hold.deadline > lock.now and (token == '' and hold.call == call or token == hold.token)
  if not mine then return finish(step(), 'gone') end
  local how = hold.confirmed and 'joined' or hold.was and 'upgraded' or 'new'
  local place = place_of(owner)
  local part = ARGV[11] == '1' and not hold.confirmed
  confirm(owner, hold, place, lease, call, part, token == '')
  return finish(step(), 'granted', token == '' and hold.token or token, how)
end
