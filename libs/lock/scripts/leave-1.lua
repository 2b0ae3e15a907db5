#!lua flags=allow-oom
-- LEAVE: the last connection of the owner on the caller's instance stops waiting. An offer that is already there is
-- confirmed, or handed on if the client is gone.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] 1 to confirm an offer that is there, 0 to hand it on
-- ARGV[5] lease, ms
-- ARGV[6] id of the call
-- Answers { step, left } or { .., granted, token, how (new, upgraded, joined) }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "confirm"
local function run()
  begin()
  local owner, takes, lease, call = ARGV[3], ARGV[4] == '1', tonumber(ARGV[5]), ARGV[6]
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
