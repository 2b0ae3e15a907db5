-- What writes do to a line. Evaluating writes nothing down: an error in the middle would leave half a change.
local LARGEST = 9007199254740991
local MAX_FENCES = 16
-- A caller's requestId is remembered this long, other results for two leases.
local REPEATABLE_MS, RESULT_MS = 300000, 3000
-- How long an absent line keeps its version, and what the tokens of a line outlive it by.
local TOMBSTONE_MS, FENCES_MS = 600000, 86400000
-- What a write came to, a list of texts, '' where there is nothing to say: 'done' and these. The last three are those of
-- a write by which its node owns the line now.
local CODE, VERSION, NUMBER, OWNER, OWNER_GRANT, EXPIRES_IN = 2, 3, 4, 5, 6, 7

-- @return state to apply writes to, with what they make of it
local function start_state(keys, line, writes, now)
  local state = {
    present = line.present, version = line.version, expires = line.expires, json = nil,
    fences = nil, fence_count = 0, seen = nil, ends = false, changed = false, rewritten = false, last = nil,
  }
  local needs_value, needs_fences = false, false
  for _, write in ipairs(writes) do
    if write[KIND] == 'increment' then needs_value = true end
    if write[LOCK] ~= '' then needs_fences = true end
    if write[KIND] == 'expire' then state.ends = true end
  end
  if needs_value then state.json = redis.call('HGET', keys[1], 'v') or nil end
  if needs_fences then
    state.fences, state.seen = {}, {}
    local known = redis.call('HGETALL', keys[3])
    for i = 1, #known, 2 do
      state.fences[known[i]] = tonumber(known[i + 1])
      state.fence_count = state.fence_count + 1
    end
  end
  if is_expired(line) then
    state.present, state.json, state.expires = false, nil, nil
    state.version = next_number(state.version, now)
    state.changed = true
  end
  return state
end

local function see_fence(state, write)
  if write[LOCK] == '' then return end
  if not state.fences[write[LOCK]] then state.fence_count = state.fence_count + 1 end
  state.fences[write[LOCK]] = tonumber(write[TOKEN])
  state.seen[write[LOCK]] = write[TOKEN]
end

local function outcome(code, version, number) return { 'done', code, version, number, '', '', '' } end

-- Checks come in the order fence, version, presence. @return what the write came to
local function apply_write(state, write, now)
  local kind = write[KIND]
  if kind == 'expire' then return outcome(state.present and 'changed' or 'ok', '', '') end
  if kind ~= 'increment' then
    if write[LOCK] ~= '' then
      local known = state.fences[write[LOCK]]
      if known and tonumber(write[TOKEN]) < known then return outcome('stale_token', '', exact(known)) end
      if not known and state.fence_count >= MAX_FENCES then return outcome('too_many_fences', '', '') end
    end
    local found = state.present and state.version or 0
    if write[IF_VERSION] ~= '' and tonumber(write[IF_VERSION]) ~= found then
      return outcome('version_conflict', exact(found), '')
    end
  end
  local version = next_number(state.version, now)
  local number = ''
  if kind == 'delete' then
    if not state.present then return outcome('not_found', '', '') end
    state.present, state.json, state.expires = false, nil, nil
    see_fence(state, write)
  else
    local ends = write[TTL] ~= '' and millis() + tonumber(write[TTL]) or nil
    if kind == 'increment' then
      local before = 0
      if state.present then before = string.match(state.json, '^%-?%d+$') and tonumber(state.json) end
      if not before or math.abs(before) > LARGEST then return outcome('not_a_number', '', '') end
      local sum = before + tonumber(write[JSON])
      if math.abs(sum) > LARGEST then return outcome('not_a_number', '', '') end
      -- `+ 0` makes -0 the 0 that JSON has.
      number = exact(sum + 0)
      state.json = number
      if ends then state.expires = ends end
    else
      state.json = write[JSON]
      state.expires = ends
      see_fence(state, write)
    end
    state.present = true
    state.rewritten = true
  end
  state.version = version
  state.changed = true
  state.last = write
  return outcome('ok', exact(version), number)
end

-- Applies the writes to a line that nobody holds, and writes down what came of it. The last one that changed the line
-- becomes the owner, unless the line is too hot to be cached.
-- @return what each write came to
local function commit_writes(keys, name, line, writes, now, hot_from, after_round)
  local state = start_state(keys, line, writes, now)
  local told = {}
  for i, write in ipairs(writes) do told[i] = apply_write(state, write, now) end
  local last = state.last
  local heat = line.heat
  if last and line.writer and line.writer ~= last[INSTANCE] then heat = math.min(heat + 1, 2 * hot_from) end
  local owner = last and state.present and heat < hot_from and last or nil
  if owner then
    for i, write in ipairs(writes) do
      if write == owner then
        told[i][OWNER], told[i][OWNER_GRANT] = owner[EPOCH], owner[GRANT]
        if state.expires then told[i][EXPIRES_IN] = exact(state.expires - millis()) end
      end
    end
  end

  if state.changed or after_round then
    local gone = {}
    for _, holder in ipairs(line.holders) do
      if not owner or holder.epoch ~= owner[EPOCH] then gone[#gone + 1] = 'g' .. holder.epoch end
    end
    for i = 1, #line.pending do gone[#gone + 1] = 'w' .. i end
    if line.owner and not owner then gone[#gone + 1] = 'o' end
    if line.present and not state.present then gone[#gone + 1] = 'v' end
    if line.expires and not state.expires then gone[#gone + 1] = 'x' end
    if #gone > 0 then redis.call('HDEL', keys[1], unpack(gone)) end
    local fields = { 'n', exact(state.version) }
    if state.rewritten and state.present then fields[3], fields[4] = 'v', state.json end
    if owner then
      fields[#fields + 1], fields[#fields + 2] = 'g' .. owner[EPOCH], owner[GRANT] .. ' ' .. owner[INSTANCE]
      if line.owner ~= owner[EPOCH] then fields[#fields + 1], fields[#fields + 2] = 'o', owner[EPOCH] end
    end
    if state.expires and state.expires ~= line.expires then
      fields[#fields + 1], fields[#fields + 2] = 'x', exact(state.expires)
    end
    if heat ~= line.heat then fields[#fields + 1], fields[#fields + 2] = 'h', exact(heat) end
    if last and line.writer ~= last[INSTANCE] then fields[#fields + 1], fields[#fields + 2] = 'l', last[INSTANCE] end
    redis.call('HSET', keys[1], unpack(fields))
  end
  local seen = {}
  for lock, token in pairs(state.seen or seen) do
    seen[#seen + 1], seen[#seen + 2] = lock, token
  end
  if #seen > 0 then redis.call('HSET', keys[3], unpack(seen)) end
  if state.present and (not line.present or #seen > 0) then
    redis.call('PERSIST', keys[1])
    redis.call('PERSIST', keys[3])
  elseif not state.present and state.changed then
    redis.call('PEXPIRE', keys[1], TOMBSTONE_MS)
    redis.call('PEXPIRE', keys[3], FENCES_MS)
  end
  if state.expires and state.expires ~= line.expires then
    redis.call('ZADD', keys[4], exact(state.expires), name)
  elseif not state.expires and (line.expires or state.ends) then
    redis.call('ZREM', keys[4], name)
  end
  for i, write in ipairs(writes) do
    local came_to = told[i]
    local replayed = write[REPEATABLE] == '1' and came_to[CODE] == 'ok'
    if replayed or after_round then
      local stored = cjson.encode({ came_to[CODE], came_to[VERSION], came_to[NUMBER], replayed and '1' or '' })
      redis.call('SET', keys[2] .. write[ID], stored, 'PX', replayed and REPEATABLE_MS or RESULT_MS)
    end
  end
  return told
end

-- COMMIT of a round that nobody is awaited in; every result is kept, since its messages may be lost.
local function commit_round(keys, name, line, now, hot_from)
  return commit_writes(keys, name, line, line.pending, now, hot_from, true)
end

-- @param upto how many of the round's writes are told by a message; the caller knows about the others
local function tell_results(channels, name, line, told, upto)
  for i = 1, upto do
    local write = line.pending[i]
    for j = RECIPIENT, #write do
      tell(channels, write[j], 'cache.result', name, write[ID], unpack(told[i], CODE))
    end
  end
end
