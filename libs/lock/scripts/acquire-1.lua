#!lua
-- ACQUIRE: grants the lock at once, or refuses, or gives a place in its queue (README.md "The acquire table").
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] mode: x or s
-- ARGV[5] lease, ms
-- ARGV[6] id of the call
-- What follows is left out where it is 0:
-- ARGV[7] ms that the caller waits, 0 for not at all
-- ARGV[8] limit of shared holders, 0 for none
-- ARGV[9] epoch of the caller
-- ARGV[10] ticket of a place to be enlisted again, else 0
-- ARGV[11] 1 if that place began as an upgrade
-- ARGV[12] 1 if the hold is part of several and stays unconfirmed
-- Answers { step, code, .. }: granted, token, how (new, renewed, upgraded, downgraded, held) | waiting, ticket,
--   upgrade | offered, token | locked | deadlock, other upgrader | full
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "confirm"
-- Of each call.
local owner, mode, lease, wait, limit, call, epoch, again, partly, more, hold, place, till

local function enlist(upgrade, ticket)
  if not place then
    if again == 0 and lock.queue >= context.most_waiters then return finish(more, 'full') end
    place = {
      mode = mode, limit = limit, ticket = ticket or next_ticket(), state = 'q', upgrade = upgrade, since = lock.now,
      instances = {},
    }
    lock.ticket = math.max(lock.ticket, place.ticket)
    add_instance(place, CALLER, epoch, till, context.node)
    put_place(owner, place, hold)
    event('waiting', owner, mode)
  else
    add_instance(place, CALLER, epoch, till, context.node)
    put_place(owner, place, hold)
  end
  if again ~= 0 and GRANTS then
    -- It may stand before those who wait already, or on its own: then its offer is this very answer.
    more = hand_over() or more
    local now = place_of(owner)
    if now and now.state == 'o' then return finish(more, 'offered', hold_of(owner).token) end
  end
  return finish(more, 'waiting', place.ticket, place.upgrade and 1 or 0)
end

local function grant(how)
  if partly then
    local was = how == 'upgraded' and { token = hold.token, deadline = hold.deadline, lease = hold.lease } or nil
    hold = {
      mode = mode, token = next_token(), lease = lease, call = call, confirmed = false,
      deadline = lock.now + OFFER_MS, was = was,
    }
    lock.mode = mode
    put_hold(owner, hold, nil)
  else
    local before = hold and hold.deadline or 0
    if how == 'new' or how == 'upgraded' then
      hold = { mode = mode, token = next_token(), confirmed = false }
    elseif how == 'downgraded' then
      hold.mode = mode
    end
    lock.mode = mode
    local was_confirmed = hold.confirmed
    hold.lease, hold.call, hold.confirmed, hold.was = lease, call, true, nil
    hold.deadline = math.max(before, lock.now + lease)
    put_hold(owner, hold, place)
    if not was_confirmed or how == 'downgraded' then event('acquired', owner, mode, hold.token) end
  end
  if how == 'downgraded' and GRANTS then more = hand_over() or more end
  return finish(more, 'granted', hold.token, how)
end

local function run()
  local record = meet()
  owner, mode, lease, call = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
  if not record and GRANTS and not ARGV[7] then
    return { millis(), 'granted', take_free(owner, mode, lease, call), 'new' }
  end
  load_lock(record)
  wait, limit, epoch = tonumber(ARGV[7] or 0), tonumber(ARGV[8] or 0), ARGV[9]
  again, partly = tonumber(ARGV[10] or 0), ARGV[12] == '1'

  more = step()
  hold = hold_of(owner)
  if hold and hold.deadline <= lock.now then
    end_hold(owner, hold, 'expired')
    hold = hold_of(owner)
  end
  place = place_of(owner)
  till = lock.now + wait

  if hold and not hold.confirmed then
    -- An offer to this owner that nobody has confirmed yet, or his own acquisition of several under way.
    if hold.mode ~= mode then return finish(more, 'locked') end
    local how = hold.was and 'upgraded' or 'new'
    local token = confirm(owner, hold, place, lease, call, partly)
    return finish(more, 'granted', token, how)
  end

  if hold then
    -- Whoever takes several renews and downgrades last, when nothing can stop him any more.
    if partly and (hold.mode == mode or hold.mode == 'x') then
      return finish(more, 'granted', hold.token, 'held')
    end
    if hold.mode == mode then return grant('renewed') end
    if hold.mode == 'x' then return grant('downgraded') end
    local joins = place and place.state == 'q'
    if live_holders() == 1 and not joins and GRANTS then return grant('upgraded') end
    if wait == 0 then return finish(more, 'locked') end
    if not joins then
      local first = queue_of(1)
      if first[1] and tonumber(first[2]) == UPGRADER then return finish(more, 'deadlock', first[1]) end
      if place then drop_place(owner, hold) end
      place = nil
    end
    return enlist(true, again ~= 0 and again or nil)
  end

  if place then
    if place.mode ~= mode or wait == 0 then return finish(more, 'locked') end
    return enlist(place.upgrade)
  end
  if again ~= 0 then return enlist(ARGV[11] == '1', again) end
  if GRANTS and lock.queue == 0 and grantable(mode, limit, live_holders()) then return grant('new') end
  if wait == 0 then return finish(more, 'locked') end
  return enlist(false)
end
