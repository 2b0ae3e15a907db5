#!lua
-- A node that has no copy asks for the committed value, and to be registered as a holder of it.
-- KEYS[1] line
-- ARGV[1] prefix of the channels
-- ARGV[2] heat from which on a line is not cached
-- ARGV[3] snapshot
-- ARGV[4] epoch, ARGV[5] instance
-- ARGV[6] name of the line
-- ARGV[7] grant
-- ARGV[8] 1 if a copy may be registered
-- Answers { now, 'absent' } | { now, 'expired', version }
--   | { now, 'value', json, version, expiresInMs, found, granted, 1 if a round is open }
--- @include "fill"
local function run()
  local nothing = look()
  if nothing then return nothing end
  local channels, name, hot_from = ARGV[1], ARGV[6], tonumber(ARGV[2])
  local heat = math.max(line.heat - 1, 0)
  if #line.pending > 0 or ARGV[8] ~= '1' or heat >= hot_from then
    if heat ~= line.heat then redis.call('HSET', KEYS[1], 'h', exact(heat)) end
    return answer('')
  end
  local grant, others, holders = tonumber(ARGV[7]), {}, {}
  for _, holder in ipairs(live) do
    if holder.epoch == epoch then grant = math.max(grant, holder.grant) else others[#others + 1] = holder end
  end
  redis.call('HSET', KEYS[1], 'g' .. epoch, exact(grant) .. ' ' .. instance)
  if heat ~= line.heat then redis.call('HSET', KEYS[1], 'h', exact(heat)) end
  local owner = #others == 0 and line.owner == epoch and epoch or nil
  for i, holder in ipairs(others) do holders[i] = holder end
  holders[#holders + 1] = { epoch = epoch }
  save_holders(KEYS[1], line.holders, holders)
  if line.owner and not owner then redis.call('HDEL', KEYS[1], 'o') end
  if #live == 1 and live[1].epoch ~= epoch then
    tell(channels, live[1].instance, 'cache.shared', name, exact(line.version))
  end
  return answer(state_of(holders, owner))
end
