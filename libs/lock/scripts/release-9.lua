#!lua flags=allow-oom
-- RELEASE: ends the owner's hold. Places stay.
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
-- ARGV[8] mode that the caller believes to hold, or empty
-- ARGV[9] token that the caller believes to hold, or empty
-- Answers { time, wake, more, expired, ok, ms held, mode | not_owner | not_held | stale_token }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, mode, token = ARGV[7], ARGV[8], ARGV[9]
  local hold = hold_of(owner)
  local own = is_own(hold)
  if not own then
    local live = live_holders()
    if hold and hold.deadline > lock.now then live = live - 1 end
    return finish(step(), live > 0 and 'not_owner' or 'not_held')
  end
  local held = hold.confirmed and hold or { mode = 's', token = hold.was.token }
  if mode ~= '' and mode ~= held.mode then return finish(step(), 'not_held') end
  if token ~= '' and token ~= held.token then return finish(step(), 'stale_token') end
  if hold.confirmed then
    end_hold(owner, hold, 'released')
  else
    hold.was = nil
    put_hold(owner, hold, place_of(owner))
    event('released', owner, 's', held.token)
  end
  -- A token is about the time of the grant in microseconds.
  return finish(step(), 'ok', exact(math.max(0, (lock.micros - tonumber(held.token)) / 1000)), held.mode)
end
