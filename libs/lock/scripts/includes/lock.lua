-- One lock: what its keys hold, and the ways to read and write them. Integers are written by exact(), since Lua's own
-- way turns a token into 1.79e+15. Nothing here is written before everything a script needs was read and decoded.
--- @include "keep"
-- Of each call. Without permission nothing is handed on; what is unconfirmed can be kept all the same.
local NAME, FLOOR, OFFER_MS, GRANTS, CHANNEL, CALLER, lock
local UPGRADER = -9007199254740992
local LAPSED = 4503599627370496

-- What the key of a lock holds; missing for 0 and ''.
local FIELDS = {
  'token', 'ticket', 'seq', 'last', 'offset', 'mode', 'armed', 'head', 'waits', 'watch', 'alarm', 'back',
}

local function exact(number) return string.format('%.0f', number) end

-- Lock time never goes back: a clock that was set back raises the offset instead.
local function load_lock()
  local time = redis.call('TIME')
  local fields = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  local micros = time[1] * 1000000 + time[2]
  local millis = math.floor(micros / 1000)
  local function number(i) return tonumber(fields[i] or '0') end
  lock = {
    micros = micros, millis = millis, fields = fields, due = {},
    token = number(1), ticket = number(2), seq = number(3), offset = number(5),
    mode = fields[6] or '', armed = number(7), head = fields[8] or '',
    waits = number(9), watch = number(10), alarm = number(11), back = number(12),
  }
  -- How many hold it, those whose deadline passed included, and how many are queued: kept up to date by whatever adds or
  -- removes one, since most locks have none of either and much need not be asked for then.
  lock.holds, lock.queue = redis.call('ZCARD', KEYS[3]), redis.call('ZCARD', KEYS[4])
  lock.now = millis + lock.offset
  if lock.now < number(4) then
    lock.now = number(4)
    lock.offset = lock.now - millis
  end
end

local function next_token()
  lock.token = math.max(lock.token, FLOOR, lock.micros) + 1
  return exact(lock.token)
end

local function next_ticket()
  lock.ticket = math.max(lock.ticket + 1, lock.micros)
  return lock.ticket
end

-- A hold: mode (x or s), token, lease, call that touched it last, whether confirmed, deadline; where it is an upgrade
-- that is not confirmed yet, the shared hold to go back to: its token, deadline and lease ('-' if there is none).
local function hold_of(owner)
  local text = lock.holds > 0 and redis.call('HGET', KEYS[2], owner)
  if not text then return nil end
  local mode, token, lease, call, confirmed, deadline, was, was_deadline, was_lease =
    string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return {
    mode = mode, token = token, lease = tonumber(lease), call = call, confirmed = confirmed == '1',
    deadline = tonumber(deadline),
    was = was ~= '-' and { token = was, deadline = tonumber(was_deadline), lease = tonumber(was_lease) } or nil,
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
  -- A place that is not queued belongs to a hold.
  local text = (lock.queue > 0 or lock.holds > 0) and redis.call('HGET', KEYS[5], owner)
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

-- The indices of the bucket: names, and owners with what they hold or wait for. Each entry has in `due` the time, by
-- Redis's clock, when it is certainly over, so that it can be cleared without a look at its lock.
local function pair_of(owner) return string.len(owner) .. ':' .. owner .. NAME end

local function index(key, entry, kind, over)
  redis.call('ZADD', key, 0, entry)
  lock.due[kind .. entry] = over
end

local function unindex(key, entry, kind)
  lock.due[kind .. entry] = nil
  if redis.call('ZREM', key, entry) == 1 then redis.call('ZREM', KEYS[9], kind .. entry) end
end

-- When the entries of this call are over. The keys of the bucket are over with the last of its locks, and are given a
-- little more time than they need, so that it is not moved with every call.
local function save_due()
  local scored, latest = {}, 0
  for entry, over in pairs(lock.due) do
    scored[#scored + 1], scored[#scored + 2] = exact(over), entry
    latest = math.max(latest, over)
  end
  if latest == 0 then return end
  redis.call('ZADD', KEYS[9], unpack(scored))
  local life = latest - lock.millis
  -- Each by itself: entries that are over go one by one, so one key may be new beside another that is old.
  for i = 7, 9 do
    if redis.call('PTTL', KEYS[i]) < life then redis.call('PEXPIRE', KEYS[i], exact(life + KEEP_MS)) end
  end
end

local function index_owner(owner, hold, place)
  local pair = pair_of(owner)
  if not hold and not place then return unindex(KEYS[8], pair, 'o') end
  local latest = math.max(hold and hold.deadline or 0, hold and hold.was and hold.was.deadline or 0,
    place and place_end(place) or 0)
  index(KEYS[8], pair, 'o', lock.millis + latest - lock.now + KEEP_MS)
end

local function put_hold(owner, hold, place)
  local was = hold.was
  redis.call('HSET', KEYS[2], owner, table.concat({
    hold.mode, hold.token, exact(hold.lease), hold.call, hold.confirmed and '1' or '0', exact(hold.deadline),
    was and was.token or '-', was and exact(was.deadline) or '-', was and exact(was.lease) or '-',
  }, ' '))
  lock.holds = lock.holds + redis.call('ZADD', KEYS[3], exact(hold.deadline), owner)
  -- Nobody holds it beside an upgrade; until that is confirmed, the hold to go back to is kept for its own time.
  lock.back = was and was.deadline or 0
  index_owner(owner, hold, place)
end

-- Where a place stands in the queue: the upgrader before everyone, one whose shared hold lapsed before all plain ones.
local function rank_of(place, holds)
  if not place.upgrade then return place.ticket end
  return holds and UPGRADER or place.ticket - LAPSED
end

local function put_place(owner, place, hold)
  local words = {
    place.mode, exact(place.limit), exact(place.ticket), place.state, place.upgrade and '1' or '0', exact(place.since),
  }
  for _, instance in ipairs(place.instances) do
    words[#words + 1] = table.concat({ instance.id, instance.epoch, exact(instance.till), instance.node }, ':')
  end
  redis.call('HSET', KEYS[5], owner, table.concat(words, ' '))
  if place.state == 'q' then
    lock.queue = lock.queue + redis.call('ZADD', KEYS[4], exact(rank_of(place, is_own(hold))), owner)
  end
  lock.waits = math.max(lock.waits, place_end(place))
  index_owner(owner, hold, place)
end

local function drop_place(owner, hold)
  redis.call('HDEL', KEYS[5], owner)
  lock.queue = lock.queue - redis.call('ZREM', KEYS[4], owner)
  index_owner(owner, hold, nil)
end

local function drop_hold(owner, place)
  redis.call('HDEL', KEYS[2], owner)
  lock.holds = lock.holds - redis.call('ZREM', KEYS[3], owner)
  index_owner(owner, nil, place)
end

-- Holders whose deadline passed count nowhere, removed or not.
local function live_holders()
  if lock.holds == 0 then return 0 end
  return redis.call('ZCOUNT', KEYS[3], '(' .. exact(lock.now), '+inf')
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
