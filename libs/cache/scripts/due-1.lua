#!lua flags=no-writes
-- Lines of a bucket whose values should have ended a while ago, earliest first.
-- KEYS[1] names of lines by when they end
-- ARGV[1] for how many ms they have to be over
-- ARGV[2] most names
-- Answers { name, .. }
local function run()
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local latest = string.format('%.0f', now - tonumber(ARGV[1]))
  return redis.call('ZRANGE', KEYS[1], '-inf', latest, 'BYSCORE', 'LIMIT', 0, ARGV[2])
end
