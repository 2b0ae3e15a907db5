#!lua flags=allow-oom
-- LEAVE: the last connection of the owner on the caller's instance stops waiting. An offer that is already there is
-- confirmed, or handed on if the client is gone.
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
-- ARGV[8] 1 to confirm an offer that is there, 0 to hand it on
-- ARGV[9] lease, ms
-- ARGV[10] id of the call
-- Answers { time, wake, more, expired, left } or { .., granted, token, how (new, upgraded, joined) }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "confirm"
local function run()
  begin()
  local owner, takes, lease, call = ARGV[7], ARGV[8] == '1', tonumber(ARGV[9]), ARGV[10]
  local hold, place = hold_of(owner), place_of(owner)
  local there = false
  if place then
    for _, instance in ipairs(place.instances) do there = there or instance.id == CALLER end
  end
  if not there then return finish(step(), 'left') end
  if place.state ~= 'q' and takes and hold.deadline > lock.now then
    local how = hold.confirmed and 'joined' or hold.was and 'upgraded' or 'new'
    local token = confirm(owner, hold, place, lease, call)
    return finish(step(), 'granted', token, how)
  end
  remove_instance(place, CALLER)
  if #place.instances > 0 then
    put_place(owner, place, hold)
  elseif place.state == 'o' then
    end_hold(owner, hold, 'released')
  else
    drop_place(owner, hold)
  end
  return finish(step(), 'left')
end
