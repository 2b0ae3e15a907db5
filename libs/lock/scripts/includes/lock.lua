-- One lock: who holds it and who waits, and the ways to read and write that.
-- A lock has one of two forms, of which only this file and record.lua know. As long as it has one confirmed hold and
-- nobody waits, all of it is its record (`sole`), as most locks are given back before anything else happens to them. With
-- anything more it is `spread` over keys for its holds, deadlines, queue and places, until it is free again.
--- @include "record"
local UPGRADER = -9007199254740992
local LAPSED = 4503599627370496

-- A hold: mode (x or s), token, lease, call that touched it last, whether confirmed, deadline; where it is an upgrade
-- that is not confirmed yet, the shared hold to go back to: its token, deadline and lease ('-' if there is none).
local function hold_of(owner)
  if not lock.spread then
    if lock.sole ~= owner then return nil end
    return {
      mode = lock.sole_mode, token = lock.held, lease = lock.lease, call = lock.call, confirmed = true,
      deadline = lock.deadline,
    }
  end
  local text = lock.holds > 0 and redis.call('HGET', key_of('holds'), owner)
  if not text then return nil end
  local mode, token, lease, call, confirmed, deadline, was, was_deadline, was_lease =
    string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return {
    mode = mode, token = tonumber(token), lease = tonumber(lease), call = call, confirmed = confirmed == '1',
    deadline = tonumber(deadline),
    was = was ~= '-' and { token = tonumber(was), deadline = tonumber(was_deadline), lease = tonumber(was_lease) } or nil,
  }
end

-- Whether the owner himself holds: an offer is not his yet, but the shared hold that it would upgrade is.
local function is_own(hold)
  if not hold then return false end
  if hold.confirmed then return hold.deadline > lock.now end
  return hold.was ~= nil and hold.was.deadline > lock.now
end

-- A place: mode, limit (0: none), ticket, state (q queued, o offered, c confirmed while others of the owner's
-- connections have not heard yet), whether it began as an upgrade, time of enlisting, and the instances on which
-- connections wait: instance:epoch:end of wait:node
local function place_of(owner)
  local text = lock.spread and redis.call('HGET', key_of('places'), owner)
  if not text then return nil end
  local mode, limit, ticket, state, upgrade, since, rest =
    string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)(.*)$')
  local place = {
    mode = mode, limit = tonumber(limit), ticket = tonumber(ticket), state = state, upgrade = upgrade == '1',
    since = tonumber(since), instances = {},
  }
  for instance, epoch, till, node in string.gmatch(rest, ' ([^:]+):([^:]+):([^:]+):(%S+)') do
    place.instances[#place.instances + 1] = { id = instance, epoch = epoch, till = tonumber(till), node = node }
  end
  return place
end

local function place_end(place)
  local latest = 0
  for _, instance in ipairs(place.instances) do latest = math.max(latest, instance.till) end
  return latest
end

-- When an entry of something that ends then, in lock time, is over.
local function over_of(till) return millis() + till - lock.now + KEEP_MS end

local function index(key, entry, kind, over)
  redis.call('ZADD', key, 0, entry)
  lock.due = lock.due or {}
  lock.due[kind .. entry] = over
end

local function unindex(key, entry, kind)
  if lock.due then lock.due[kind .. entry] = nil end
  if redis.call('ZREM', key, entry) == 1 then redis.call('ZREM', BUCKET.due, kind .. entry) end
end

-- When the entries of this call are over. A call that adds entries clears up to twice as many.
local function save_due()
  if not lock.due then return end
  local scored, latest = {}, 0
  for entry, over in pairs(lock.due) do
    scored[#scored + 1], scored[#scored + 2] = over, entry
    latest = math.max(latest, over)
  end
  if latest > 0 then
    redis.call('ZADD', BUCKET.due, unpack(scored))
    for _, key in ipairs({ BUCKET.names, BUCKET.owners, BUCKET.due }) do let_live(key, latest) end
  end
  clear_index(BUCKET, #scored)
end

local function index_owner(owner, hold, place)
  local pair = pair_of(owner, NAME)
  if not hold and not place then return unindex(BUCKET.owners, pair, 'o') end
  local latest = math.max(hold and hold.deadline or 0, hold and hold.was and hold.was.deadline or 0,
    place and place_end(place) or 0)
  index(BUCKET.owners, pair, 'o', over_of(latest))
end

local function put_spread_hold(owner, hold, place)
  local was = hold.was
  redis.call('HSET', key_of('holds'), owner, table.concat({
    hold.mode, exact(hold.token), exact(hold.lease), hold.call, hold.confirmed and '1' or '0', exact(hold.deadline),
    was and exact(was.token) or '-', was and exact(was.deadline) or '-', was and exact(was.lease) or '-',
  }, ' '))
  lock.holds = lock.holds + redis.call('ZADD', key_of('deadlines'), hold.deadline, owner)
  -- Nobody holds it beside an upgrade; until that is confirmed, the hold to go back to is kept for its own time.
  lock.back = was and was.deadline or 0
  index_owner(owner, hold, place)
end

-- Before anything is added that a lock has in its own keys only.
local function spread()
  if lock.spread then return end
  local owner = lock.sole
  local hold = owner and hold_of(owner)
  lock.spread, lock.sole, lock.holds = true, nil, 0
  if not hold then return end
  lock.held, lock.deadline, lock.lease, lock.call = nil, nil, nil, nil
  put_spread_hold(owner, hold, nil)
end

local function put_hold(owner, hold, place)
  local alone = not lock.spread and (lock.sole or owner) == owner
  if not alone or place or hold.was or not hold.confirmed then
    spread()
    return put_spread_hold(owner, hold, place)
  end
  lock.sole, lock.mode, lock.sole_mode, lock.held = owner, hold.mode, hold.mode, hold.token
  lock.deadline, lock.lease, lock.call, lock.holds = hold.deadline, hold.lease, hold.call, 1
  if lock.own then
    index(BUCKET.names, NAME, 'n', over_of(hold.deadline))
    index_owner(owner, hold, nil)
  end
end

local function drop_hold(owner, place)
  if lock.spread then
    redis.call('HDEL', key_of('holds'), owner)
    lock.holds = lock.holds - redis.call('ZREM', key_of('deadlines'), owner)
    return index_owner(owner, nil, place)
  end
  lock.sole, lock.held, lock.deadline, lock.lease, lock.call, lock.holds = nil, nil, nil, nil, nil, 0
  if lock.own then
    unindex(BUCKET.names, NAME, 'n')
    index_owner(owner, nil, nil)
  end
end

-- Where a place stands in the queue: the upgrader before everyone, one whose shared hold lapsed before all plain ones.
local function rank_of(place, holds)
  if not place.upgrade then return place.ticket end
  return holds and UPGRADER or place.ticket - LAPSED
end

local function put_rank(owner, place, holds)
  lock.queue = lock.queue + redis.call('ZADD', key_of('queue'), rank_of(place, holds), owner)
end

local function unqueue(owner) lock.queue = lock.queue - redis.call('ZREM', key_of('queue'), owner) end

local function put_place(owner, place, hold)
  spread()
  local words = {
    place.mode, exact(place.limit), exact(place.ticket), place.state, place.upgrade and '1' or '0', exact(place.since),
  }
  for _, instance in ipairs(place.instances) do
    words[#words + 1] = table.concat({ instance.id, instance.epoch, exact(instance.till), instance.node }, ':')
  end
  redis.call('HSET', key_of('places'), owner, table.concat(words, ' '))
  if place.state == 'q' then put_rank(owner, place, is_own(hold)) end
  lock.waits = math.max(lock.waits, place_end(place))
  index_owner(owner, hold, place)
end

-- Of a place that is not queued: it belongs to a hold, which stays or goes.
local function forget_place(owner) redis.call('HDEL', key_of('places'), owner) end

local function drop_place(owner, hold)
  forget_place(owner)
  unqueue(owner)
  index_owner(owner, hold, nil)
end

-- The queue in its order, its first so many: owner, rank, ..
local function queue_of(most)
  if lock.queue == 0 then return {} end
  return redis.call('ZRANGE', key_of('queue'), 0, most - 1, 'WITHSCORES')
end

-- Owners whose deadline passed, so many at most, in the order of their deadlines.
local function over_holders(most)
  if lock.spread then
    return redis.call('ZRANGEBYSCORE', key_of('deadlines'), '-inf', lock.now, 'LIMIT', 0, most)
  end
  return lock.sole and lock.deadline <= lock.now and { lock.sole } or {}
end

-- Owners whose deadline has not passed, so many at most, in the order of their deadlines: owner, deadline, ..
local function live_owners(most)
  if lock.spread then
    return redis.call('ZRANGEBYSCORE', key_of('deadlines'), '(' .. exact(lock.now), '+inf', 'WITHSCORES', 'LIMIT', 0, most)
  end
  return lock.sole and lock.deadline > lock.now and { lock.sole, lock.deadline } or {}
end

-- The same, but those with the latest deadlines, and the latest first.
local function last_owners(most)
  if lock.spread then return redis.call('ZREVRANGE', key_of('deadlines'), 0, most - 1, 'WITHSCORES') end
  return lock.sole and { lock.sole, lock.deadline } or {}
end

-- Owners that hold it, so many at most, those whose deadline passed included: owner, deadline, ..
local function owners_of(most)
  if lock.spread then return redis.call('ZRANGE', key_of('deadlines'), 0, most - 1, 'WITHSCORES') end
  return lock.sole and { lock.sole, lock.deadline } or {}
end

-- Holders whose deadline passed count nowhere, removed or not.
local function live_holders()
  if lock.holds == 0 then return 0 end
  if lock.spread then return redis.call('ZCOUNT', key_of('deadlines'), '(' .. exact(lock.now), '+inf') end
  return lock.deadline > lock.now and 1 or 0
end

-- Keeps the lock, and every key of it for as long as it is of use.
local function save_lock()
  if lock.spread and lock.holds == 0 and lock.queue == 0 then
    lock.spread = nil
    unindex(BUCKET.names, NAME, 'n')
  end
  local used = lock.spread or lock.sole
  if not used then lock.mode, lock.back = '', 0 end
  local till = math.max(tonumber(last_owners(1)[2] or 0), lock.waits, lock.watch, lock.back)
  local keep = math.max(till - lock.now, 0) + KEEP_MS
  if lock.spread then
    index(BUCKET.names, NAME, 'n', millis() + keep)
    for _, kind in ipairs({ 'holds', 'deadlines', 'queue', 'places' }) do
      redis.call('PEXPIRE', key_of(kind), text_of_life(keep))
    end
  end
  save_due()
  save_record(keep)
end

local function add_instance(place, instance, epoch, till, node)
  for _, known in ipairs(place.instances) do
    if known.id == instance then
      known.epoch = epoch
      known.till = math.max(known.till, till)
      return
    end
  end
  place.instances[#place.instances + 1] = { id = instance, epoch = epoch, till = till, node = node }
end

-- Answers whether it was there.
local function remove_instance(place, instance)
  for i, known in ipairs(place.instances) do
    if known.id == instance then
      table.remove(place.instances, i)
      return true
    end
  end
  return false
end
