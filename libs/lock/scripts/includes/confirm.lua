-- Makes the hold its owner's: the lease starts now. Of a place that offered it, the connections on other instances have
-- not heard yet; they are remembered, so that the grant is not taken back while one of them waits for it.
local function confirm(owner, hold, place, lease, call)
  if place then
    remove_instance(place, CALLER)
    if #place.instances == 0 then
      redis.call('HDEL', KEYS[5], owner)
      place = nil
    else
      place.state = 'c'
    end
  end
  local first = not hold.confirmed
  hold.deadline = math.max(first and not hold.was and 0 or hold.was and hold.was.deadline or hold.deadline, lock.now + lease)
  hold.lease, hold.call, hold.confirmed, hold.was = lease, call, true, nil
  if place then put_place(owner, place, hold) end
  put_hold(owner, hold, place)
  if first then event('acquired', owner, hold.mode, hold.token) end
  return hold.token
end
