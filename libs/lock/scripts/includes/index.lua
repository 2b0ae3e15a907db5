-- The indices of a bucket: names, and owners with the lock that they hold or wait for. Each entry has in `due` the time, by
-- Redis's clock, when it is certainly over, so that it can be cleared without a look at its lock.
-- Most locks are given back soon, so a lock with one holder is at first only in `fresh`: name -> its record. What is too
-- many there gets keys of its own and entries in the indices, some at a time; a listing looks at both.
--- @include "keep"
local FRESH_MOST, FRESH_MOVED = 64, 32
-- How many there are is looked at by chance, once in so many times: a command less for the others.
local LOOK_ONCE_IN = 16
-- No name has this byte. Its field is in `fresh` (and counted there) as long as that lives, whose time would else be set
-- with each lock that is the only one.
local NO_NAME = '\255'

-- An owner with a lock, as the index of owners has them.
local function pair_of(owner, name) return string.len(owner) .. ':' .. owner .. name end

-- What a record says of the one hold in it: when the record is over, the holder if there is one, and the end of his hold,
-- both times by Redis's clock.
local function hold_in(record)
  local over, _, _, _, owner, _, deadline, _, _, _, _, offset = cmsgpack.unpack(record)
  return over, owner, owner and deadline - (offset or 0) or 0
end

-- A key lives at least until then, and is given a little more time, so that it is not moved with every call.
local function let_live(key, till)
  local ms = till - millis()
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms + KEEP_MS) end
end

-- Removes entries that are over, so many at most.
local function clear_index(bucket, most)
  local over = redis.call('ZRANGEBYSCORE', bucket.due, '-inf', millis(), 'LIMIT', 0, most)
  if #over == 0 then return end
  local names, owners = {}, {}
  for _, entry in ipairs(over) do
    local of_kind = string.sub(entry, 1, 1) == 'n' and names or owners
    of_kind[#of_kind + 1] = string.sub(entry, 2)
  end
  if #names > 0 then redis.call('ZREM', bucket.names, unpack(names)) end
  if #owners > 0 then redis.call('ZREM', bucket.owners, unpack(owners)) end
  redis.call('ZREM', bucket.due, unpack(over))
end

-- Moves some of what is fresh, and clears twice as many entries as it adds.
local function settle(bucket)
  local some = redis.call('HRANDFIELD', bucket.fresh, FRESH_MOVED, 'WITHVALUES')
  local names, owners, ends, moved, latest = {}, {}, {}, {}, 0
  for i = 1, #some, 2 do
    local name, record = some[i], some[i + 1]
    if name ~= NO_NAME then
      moved[#moved + 1] = name
      local over, owner, till = hold_in(record)
      if over > millis() then redis.call('SET', bucket.begins .. name, record, 'PX', exact(over - millis())) end
      local gone = till + KEEP_MS
      if owner and gone > millis() then
        local pair = pair_of(owner, name)
        names[#names + 1], names[#names + 2] = 0, name
        owners[#owners + 1], owners[#owners + 2] = 0, pair
        ends[#ends + 1], ends[#ends + 2], ends[#ends + 3], ends[#ends + 4] = gone, 'n' .. name, gone, 'o' .. pair
        latest = math.max(latest, gone)
      end
    end
  end
  redis.call('HDEL', bucket.fresh, unpack(moved))
  if latest == 0 then return end
  redis.call('ZADD', bucket.names, unpack(names))
  redis.call('ZADD', bucket.owners, unpack(owners))
  redis.call('ZADD', bucket.due, unpack(ends))
  for _, key in ipairs({ bucket.names, bucket.owners, bucket.due }) do let_live(key, latest) end
  clear_index(bucket, 2 * #names)
end

-- The record of a lock that is in no index; it is over then.
local function put_fresh(bucket, name, record, over)
  local added = redis.call('HSET', bucket.fresh, name, record)
  local left = redis.call('PTTL', bucket.fresh)
  local ms = over - millis()
  if left < ms then
    redis.call('PEXPIRE', bucket.fresh, ms + KEEP_MS)
    if left < 0 then redis.call('HSET', bucket.fresh, NO_NAME, '') end
  end
  local looks = added == 1 and micros() % LOOK_ONCE_IN == 0
  if looks and redis.call('HLEN', bucket.fresh) > FRESH_MOST then settle(bucket) end
end
