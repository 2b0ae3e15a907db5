-- An offer that is not confirmed is nobody's hold yet: its owner still waits, and an upgrader still holds what he had.
local function inspect(most)
  local holders, waiters, offered = {}, {}, {}
  local mode, token, hidden = '', 0, 0
  local function add_waiter(owner, place)
    local instance = place.instances[1]
    waiters[#waiters + 1] = owner
    waiters[#waiters + 1] = place.mode
    waiters[#waiters + 1] = instance and instance.node or ''
    waiters[#waiters + 1] = exact(lock.now - place.since)
  end
  local live = live_owners(math.max(most, 100))
  local count = live_holders()
  -- An offer of an upgrade has lapsed: the shared hold before it stands, also until the next step gives it back.
  if count == 0 and lock.back > lock.now then
    live = last_owners(1)
    count = #live / 2
  end
  for i = 1, #live, 2 do
    local owner = live[i]
    local hold = hold_of(owner)
    local held = hold.confirmed and hold or hold.was
    if not hold.confirmed and hold.deadline > lock.now then offered[#offered + 1] = owner end
    if not is_own(hold) then
      hidden = hidden + 1
    else
      token = math.max(token, held.token)
      mode = hold.confirmed and hold.mode or 's'
      if i < 2 * most then
        holders[#holders + 1] = owner
        holders[#holders + 1] = mode
        holders[#holders + 1] = exact(held.token)
        holders[#holders + 1] = exact(held.deadline - lock.now)
      end
    end
  end
  local waiting = 0
  for _, owner in ipairs(offered) do
    local place = place_of(owner)
    if place and place.state == 'o' then
      waiting = waiting + 1
      if waiting <= most then add_waiter(owner, place) end
    end
  end
  if waiting < most then
    local queue = queue_of(most - waiting)
    for i = 1, #queue, 2 do
      local place = place_of(queue[i])
      if not is_dead(place) then add_waiter(queue[i], place) end
    end
  end
  waiting = waiting + lock.queue
  count = count - hidden
  if count > 0 and mode == '' then mode = lock.mode end
  return { millis(), mode, token, count, waiting, holders, waiters, lock.seq }
end
