-- A line, as the hash of its key holds it:
--   v value (JSON text; missing: the line is absent)   n version   x when the value ends (ms)   o epoch of the owner
--   r round   h heat   l instance of the last writer
--   g<epoch> "<grant> <instance>" of each holder   w<i> the i-th pending write, a flat list of texts in JSON
-- A pending write: id, grant, repeatable, kind, json, ttl, ifVersion, lock, token, epoch, instance, recipient, ..
-- All numbers are decimal texts: cjson and `..` would write those above 10^14 as 9.007199254741e+15.
local ID, GRANT, REPEATABLE, KIND, JSON, TTL, IF_VERSION, LOCK, TOKEN, EPOCH, INSTANCE, RECIPIENT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

local function next_number(last, now) return math.max(last + 1, now) end

local function by_epoch(one, other) return tonumber(one.epoch) < tonumber(other.epoch) end

local function holder_in(epoch, field)
  local grant, instance = string.match(field, '^(%d+) (.+)$')
  return { epoch = epoch, grant = tonumber(grant), instance = instance }
end

-- A line that this epoch owns and that no round is open for, as most lines that are written are: it is present, and
-- nobody else holds it. Answers nothing where it is not that.
local function load_own_line(key, epoch)
  local found = redis.call('HMGET', key, 'o', 'w1', 'n', 'x', 'r', 'h', 'l', 'g' .. epoch)
  if found[1] ~= epoch or found[2] then return nil end
  return {
    present = true, version = tonumber(found[3]), expires = found[4] and tonumber(found[4]) or nil, owner = epoch,
    round = tonumber(found[5] or 0), heat = tonumber(found[6] or 0), writer = found[7] or nil,
    holders = { holder_in(epoch, found[8]) }, pending = {},
  }
end

-- Everything but the value, which may be large and is seldom needed.
local function load_line(key)
  local line = { present = false, version = 0, round = 0, heat = 0, holders = {}, pending = {} }
  local names = {}
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if name == 'v' then line.present = true else names[#names + 1] = name end
  end
  if #names == 0 then return line end
  local values = redis.call('HMGET', key, unpack(names))
  for i, name in ipairs(names) do
    local value = values[i]
    if name == 'n' then line.version = tonumber(value)
    elseif name == 'x' then line.expires = tonumber(value)
    elseif name == 'o' then line.owner = value
    elseif name == 'r' then line.round = tonumber(value)
    elseif name == 'h' then line.heat = tonumber(value)
    elseif name == 'l' then line.writer = value
    else
      local kind, rest = string.sub(name, 1, 1), string.sub(name, 2)
      if kind == 'g' then line.holders[#line.holders + 1] = holder_in(rest, value)
      else line.pending[tonumber(rest)] = cjson.decode(value)
      end
    end
  end
  if #line.holders > 1 then table.sort(line.holders, by_epoch) end
  return line
end

local function is_expired(line)
  return line.present and line.expires ~= nil and line.expires <= millis()
end

-- The holders that a reader or writer has to reckon with: neither dead nor given up by itself.
local function without_void(holders, epoch, instance, upto, snapshot)
  local kept = {}
  for _, holder in ipairs(holders) do
    local older = holder.instance == instance and tonumber(holder.epoch) < tonumber(epoch)
    local void = holder.epoch == epoch and holder.grant <= upto
    if not snapshot_dead_epoch(snapshot, holder.epoch) and not older and not void then kept[#kept + 1] = holder end
  end
  return kept
end

local function without_dead(holders, snapshot)
  local kept = {}
  for _, holder in ipairs(holders) do
    if not snapshot_dead_epoch(snapshot, holder.epoch) then kept[#kept + 1] = holder end
  end
  return kept
end

local function state_of(holders, owner)
  if #holders > 1 then return 'S' end
  if #holders == 1 and holders[1].epoch == owner then return 'M' end
  return 'E'
end

-- Writes down that of the holders that are there only these are left.
local function save_holders(key, before, after)
  local left, gone = {}, {}
  for _, holder in ipairs(after) do left[holder.epoch] = true end
  for _, holder in ipairs(before) do
    if not left[holder.epoch] then gone[#gone + 1] = 'g' .. holder.epoch end
  end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

local function tell(channels, instance, ...)
  redis.call('PUBLISH', channels .. instance, cjson.encode({ ... }))
end

local function tell_invalidate(channels, name, line)
  for _, holder in ipairs(line.holders) do
    tell(channels, holder.instance, 'cache.invalidate', name, exact(line.round), holder.epoch)
  end
end
