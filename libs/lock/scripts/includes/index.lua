-- The indices of a bucket: names, and owners with the lock that they hold or wait for. Each entry has in `due` the time, by
-- Redis's clock, when it is certainly over, so that it can be cleared without a look at its lock.
-- Most locks are given back soon, so a lock with one holder is at first only in `fresh`: name -> when it is over, owner.
-- What is too many there is moved into the indices, some at a time; a listing looks at both.
--- @include "keep"
local FRESH_MOST, FRESH_MOVED = 32, 16

-- An owner with a lock, as the index of owners has them.
local function pair_of(owner, name) return string.len(owner) .. ':' .. owner .. name end

-- A key lives at least until then, and is given a little more time, so that it is not moved with every call.
local function let_live(key, till, millis)
  if redis.call('PTTL', key) < till - millis then redis.call('PEXPIRE', key, till - millis + KEEP_MS) end
end

-- Removes entries that are over, so many at most.
local function clear_index(bucket, millis, most)
  local over = redis.call('ZRANGEBYSCORE', bucket.due, '-inf', millis, 'LIMIT', 0, most)
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

-- Moves some of what is fresh into the indices, and clears twice as many entries as it adds.
local function settle(bucket, millis)
  local some = redis.call('HRANDFIELD', bucket.fresh, FRESH_MOVED, 'WITHVALUES')
  local names, owners, ends, moved, latest = {}, {}, {}, {}, 0
  for i = 1, #some, 2 do
    local name = some[i]
    local over, owner = cmsgpack.unpack(some[i + 1])
    moved[#moved + 1] = name
    if over > millis then
      local pair = pair_of(owner, name)
      names[#names + 1], names[#names + 2] = 0, name
      owners[#owners + 1], owners[#owners + 2] = 0, pair
      ends[#ends + 1], ends[#ends + 2], ends[#ends + 3], ends[#ends + 4] = over, 'n' .. name, over, 'o' .. pair
      latest = math.max(latest, over)
    end
  end
  redis.call('HDEL', bucket.fresh, unpack(moved))
  if latest == 0 then return end
  redis.call('ZADD', bucket.names, unpack(names))
  redis.call('ZADD', bucket.owners, unpack(owners))
  redis.call('ZADD', bucket.due, unpack(ends))
  for _, key in ipairs({ bucket.names, bucket.owners, bucket.due }) do let_live(key, latest, millis) end
  clear_index(bucket, millis, 2 * #names)
end

-- The lock is in no index: it is fresh until then.
local function put_fresh(bucket, name, owner, over, millis)
  local added = redis.call('HSET', bucket.fresh, name, cmsgpack.pack(over, owner))
  local count = added == 1 and redis.call('HLEN', bucket.fresh)
  if count == 1 then return redis.call('PEXPIRE', bucket.fresh, over - millis + KEEP_MS) end
  let_live(bucket.fresh, over, millis)
  if added == 1 and count > FRESH_MOST then settle(bucket, millis) end
end
