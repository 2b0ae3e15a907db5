#!lua flags=allow-oom
-- UNDELIVERED: the client hung up before he was told of a new hold. It ends if no other call of the owner has touched it
-- since; if another of his connections still waits to hear of it, it becomes an offer to that one.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] owner
-- ARGV[4] id of the call that made it
-- Answers { step, 1 if it ended or was offered again, else 0 }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
local function run()
  begin()
  local owner, call = ARGV[3], ARGV[4]
  local hold, place = hold_of(owner), place_of(owner)
  if not hold or hold.call ~= call or hold.deadline <= lock.now then return finish(step(), 0) end
  if hold.confirmed and place and place.state == 'c' and not is_dead(place) then
    event('released', owner, hold.mode, hold.token)
    if hold.was and hold.was.deadline > lock.now then event('acquired', owner, 's', hold.was.token) end
    hold.confirmed, hold.call, hold.deadline = false, '-', lock.now + OFFER_MS
    place.state = 'o'
    put_place(owner, place, hold)
    put_hold(owner, hold, place)
    for _, instance in ipairs(place.instances) do tell(instance.id, 'lock.offer', NAME, owner, exact(hold.token)) end
  else
    end_hold(owner, hold, 'undone')
  end
  return finish(step(), 1)
end
