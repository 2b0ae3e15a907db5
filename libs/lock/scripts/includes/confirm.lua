-- Makes the hold its owner's: the lease starts now. Of a place that offered it, the connections on other instances have
-- not heard yet; they are remembered, so that the grant is not taken back while one of them waits for it.
-- Where he waits for an upgrade already, that goes on.
-- As part of several (`part`) it stays unconfirmed; once all of them are (`whole`), it can still be undone.
local function confirm(owner, hold, place, lease, call, part, whole)
  if place and place.state ~= 'q' then
    remove_instance(place, CALLER)
    if #place.instances == 0 then
      forget_place(owner)
      place = nil
    else
      place.state = 'c'
    end
  end
  local first = not hold.confirmed
  if part then
    hold.call, hold.deadline = call, lock.now + OFFER_MS
  else
    local before = hold.confirmed and hold.deadline or hold.was and hold.was.deadline or 0
    hold.deadline = math.max(before, lock.now + lease)
    hold.lease, hold.call, hold.confirmed = lease, call, true
    if not whole then hold.was = nil end
  end
  if place and place.state == 'c' then put_place(owner, place, hold) end
  put_hold(owner, hold, place)
  if first and not part then event('acquired', owner, hold.mode, hold.token) end
  return hold.token
end
