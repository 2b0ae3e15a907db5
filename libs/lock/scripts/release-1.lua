#!lua flags=allow-oom
-- RELEASE: ends the owner's hold. Places stay.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] mode that the caller believes to hold, or empty
-- ARGV[5] token that the caller believes to hold, or empty; both can be left out
-- Answers { step, ok, ms held, mode | not_owner | not_held | stale_token }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
-- A token is about the time of the grant in microseconds.
local function held_for(token) return math.max(0, math.floor((micros() - token) / 1000 + 0.5)) end

local function run()
  local record = meet()
  local owner, mode, token = ARGV[3], ARGV[4] or '', ARGV[5] or ''
  if lock.fresh then
    local given, of = give_back(record, owner, mode, token)
    if given then return { millis(), 'ok', held_for(of), given } end
  end
  load_lock(record)
  local hold = hold_of(owner)
  local own = is_own(hold)
  if not own then
    local live = live_holders()
    if hold and hold.deadline > lock.now then live = live - 1 end
    return finish(step(), live > 0 and 'not_owner' or 'not_held')
  end
  local held = hold.confirmed and hold or { mode = 's', token = hold.was.token }
  if mode ~= '' and mode ~= held.mode then return finish(step(), 'not_held') end
  if token ~= '' and tonumber(token) ~= held.token then return finish(step(), 'stale_token') end
  if hold.confirmed then
    end_hold(owner, hold, 'released')
  else
    hold.was = nil
    put_hold(owner, hold, place_of(owner))
    event('released', owner, 's', held.token)
  end
  return finish(step(), 'ok', held_for(held.token), held.mode)
end
