#!lua flags=allow-oom
-- CONFIRM: the waiter's node takes an offer, and his lease starts; or ends an acquisition of several.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] token of the offer, or '' for a part of several
-- ARGV[5] lease, ms
-- ARGV[6] id of the call, for a part of several the one that took it
-- ARGV[7] 1 if an offer is taken as part of several and stays unconfirmed
-- Answers { step, granted, token, how (new, upgraded, joined) } or { .., gone }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "confirm"
local function run()
  begin()
  local owner, token, lease, call = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
  local hold = hold_of(owner)
  local mine = hold and hold.deadline > lock.now and (token == '' and hold.call == call or tonumber(token) == hold.token)
  if not mine then return finish(step(), 'gone') end
  local how = hold.confirmed and 'joined' or hold.was and 'upgraded' or 'new'
  local place = place_of(owner)
  local part = ARGV[7] == '1' and not hold.confirmed
  confirm(owner, hold, place, lease, call, part, token == '')
  return finish(step(), 'granted', hold.token, how)
end
