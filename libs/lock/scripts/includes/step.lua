-- The step in which every script that changes a lock ends: remove holders whose deadline passed, drop places that are
-- dead, hand the lock on. At most MOST of each, so that no lock keeps Redis busy; then the answer asks for more.
local MOST, CROWD = 128, 5000
-- Of each call.
local context, expired

-- What a process says of itself with each call, and changes seldom (JSON): the snapshot of the registry that it knows; ms
-- for which an offer stands, negative if nothing may be granted yet, since holds may have been lost; the beginning of a
-- channel name, which an instance follows; its own instance and node id; most waiters of a lock. What the last processes
-- said is kept.
local MOST_CONTEXTS = 64
local contexts, known_contexts = {}, 0
local function context_of(text)
  local found = contexts[text]
  if found then return found end
  local words = cjson.decode(text)
  found = {
    snapshot = parse_snapshot(words[1]), offer_ms = math.abs(words[2]), grants = words[2] > 0, channel = words[3],
    caller = words[4], node = words[5], most_waiters = words[6],
  }
  if known_contexts == MOST_CONTEXTS then contexts, known_contexts = {}, 0 end
  contexts[text], known_contexts = found, known_contexts + 1
  return found
end

-- How every script begins: by whom it is called, and the record of the lock, if it has one.
local function meet()
  context, FLOOR, expired = context_of(ARGV[1]), tonumber(ARGV[2]), 0
  OFFER_MS, GRANTS, CHANNEL, CALLER = context.offer_ms, context.grants, context.channel, context.caller
  return find_record()
end

local function begin() load_lock(meet()) end

local function is_dead(place)
  for _, instance in ipairs(place.instances) do
    if not snapshot_dead_instance(context.snapshot, instance.id, instance.epoch) then return false end
  end
  return true
end

-- Ends a hold whoever ends it. What the owner held before an unconfirmed upgrade comes back, if its time is not over.
local function end_hold(owner, hold, kind)
  local place = place_of(owner)
  local queued = place and place.state == 'q'
  if place and not queued then
    forget_place(owner)
    place = nil
  end
  if hold.was and (not hold.confirmed or kind == 'undone') and hold.was.deadline > lock.now then
    local was = hold.was
    put_hold(owner, {
      mode = 's', token = was.token, lease = was.lease, call = '-', confirmed = true, deadline = was.deadline,
    }, place)
    lock.mode = 's'
    if hold.confirmed then event('acquired', owner, 's', was.token) end
    return
  end
  drop_hold(owner, place)
  if queued and place.upgrade then put_rank(owner, place, false) end
  -- Of an upgrade that nobody confirmed, only the shared hold before it was ever known, whose time is over.
  if hold.confirmed or hold.was then
    local known = hold.confirmed and hold or { mode = 's', token = hold.was.token }
    local over = kind == 'expired' or not hold.confirmed
    if over then expired = expired + 1 end
    event(over and 'expired' or 'released', owner, known.mode, known.token)
  end
end

local function expire()
  if lock.holds == 0 then return false end
  local owners = over_holders(MOST)
  for _, owner in ipairs(owners) do end_hold(owner, hold_of(owner), 'expired') end
  return #owners == MOST
end

-- Offers have the nearest deadlines, so those that nobody is left to confirm stand first.
local function end_dead_offers()
  for _ = 1, MOST do
    local first = live_owners(1)[1]
    if not first then return false end
    local hold = hold_of(first)
    if hold.confirmed then return false end
    local place = place_of(first)
    if not place or place.state ~= 'o' or not is_dead(place) then return false end
    end_hold(first, hold, 'expired')
  end
  return true
end

local function grantable(mode, limit, live)
  if live == 0 then return true end
  return mode == 's' and lock.mode == 's' and (limit == 0 or live < limit)
end

local function offer(owner, place, hold)
  local was = hold and { token = hold.token, deadline = hold.deadline, lease = hold.lease } or nil
  place.state = 'o'
  unqueue(owner)
  local token = next_token()
  lock.mode = place.mode
  put_place(owner, place, hold)
  put_hold(owner, {
    mode = place.mode, token = token, lease = OFFER_MS, call = '-', confirmed = false,
    deadline = lock.now + OFFER_MS, was = was,
  }, place)
  for _, instance in ipairs(place.instances) do tell(instance.id, 'lock.offer', NAME, owner, exact(token)) end
end

local function hand_over()
  if lock.queue == 0 then return false end
  local more = end_dead_offers()
  local live = live_holders()
  local offered, dropped = 0, 0
  while true do
    local head = queue_of(1)
    local owner = head[1]
    if not owner then return more end
    local place = place_of(owner)
    local hold = tonumber(head[2]) == UPGRADER and hold_of(owner) or nil
    if is_dead(place) then
      if dropped == MOST then return true end
      dropped = dropped + 1
      drop_place(owner, hold)
    elseif hold and hold.deadline <= lock.now then
      end_hold(owner, hold, 'expired')
    elseif hold and live > 1 or not hold and not grantable(place.mode, place.limit, live) then
      return more
    else
      if offered == MOST then return true end
      offered = offered + 1
      offer(owner, place, hold)
      if not hold then live = live + 1 end
    end
  end
end

-- The deadline at which the head may become grantable: the earliest where its limit refuses it, else the latest of
-- another's hold.
local function wake_of(owner, place)
  if place.mode == 's' and lock.mode == 's' then return tonumber(live_owners(1)[2]) end
  local latest = last_owners(2)
  local wake, other = tonumber(latest[2] or 0), tonumber(latest[4] or 0)
  if latest[1] == owner and other > lock.now then return other end
  return wake > lock.now and wake or nil
end

-- The nodes of the head keep a timer for that deadline. They are told when the head is another or the deadline earlier;
-- a caller that is one of them learns it from the answer. Answers ms from now, or -1 if the caller needs no timer.
local function arm_head()
  if lock.queue == 0 then
    lock.head, lock.armed, lock.waits = '', 0, 0
    return -1
  end
  local owner = queue_of(1)[1]
  local place = place_of(owner)
  local wake = wake_of(owner, place)
  if not wake then return -1 end
  local answer = -1
  local again = owner ~= lock.head or wake < lock.armed or lock.armed <= lock.now
  for _, instance in ipairs(place.instances) do
    if instance.id == CALLER then
      answer = wake - lock.now
    elseif again then
      tell(instance.id, 'lock.wake', NAME, exact(wake - lock.now))
    end
  end
  -- Whoever was answered has no earlier timer any more.
  if again or answer >= 0 then lock.head, lock.armed = owner, wake end
  return answer
end

-- Those who watch keep a timer for the next holder's deadline, so that `expired` is told although nobody waits.
local function arm_watchers()
  if lock.watch <= lock.now then return -1 end
  local first = live_owners(1)
  if not first[2] then
    lock.alarm = 0
    return -1
  end
  local alarm = tonumber(first[2])
  local again = lock.alarm <= lock.now or alarm < lock.alarm
  local answer = -1
  local watchers = redis.call('HKEYS', key_of('watchers'))
  for _, instance in ipairs(watchers) do
    if instance == CALLER then
      answer = alarm - lock.now
    elseif again then
      tell(instance, 'lock.wake', NAME, exact(alarm - lock.now))
    end
  end
  if again or answer >= 0 then lock.alarm = alarm end
  return answer
end

-- Redis frees a key at once when it expires, and is busy with a large one for long. So whoever last used a lock with many
-- holders steps again, at most once a second, and removes them some at a time.
local function arm_crowd()
  if lock.holds < CROWD then return -1 end
  return math.max(tonumber(owners_of(1)[2]) - lock.now, 1000)
end

-- Expiry and hand-off. Answers whether it stopped short.
local function step()
  local more = expire()
  if GRANTS then more = hand_over() or more end
  return more
end

-- Of two times, either -1 for never.
local function sooner(one, other)
  if one < 0 or other >= 0 and other < one then return other end
  return one
end

-- Ends a script: arms timers, keeps what changed. Every answer begins with the step: Redis's time in ms, or where there is
-- more to say { that, ms until the caller's timer (-1: none), whether to step again, how many holds have expired }.
local function finish(more, ...)
  local wake = sooner(sooner(arm_head(), arm_watchers()), arm_crowd())
  save_lock()
  local plain = wake < 0 and not more and expired == 0
  return { plain and millis() or { millis(), wake, more and 1 or 0, expired }, ... }
end
