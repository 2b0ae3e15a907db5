#!lua flags=no-writes
-- Lines of some buckets whose values should have ended a while ago: one call of a node that is idle, not one per bucket.
-- It only reads, so nothing needs these indices to be in one slot; where buckets are apart it would be one call for each.
-- KEYS[1] what the buckets' indices of lines by when they end begin with; {bucket} and the rest of the name follow
-- ARGV[1] the rest of the name
-- ARGV[2] first bucket, ARGV[3] last bucket
-- ARGV[4] for how many ms they have to be over
-- ARGV[5] most names of one bucket
-- Answers { name, .. }, of each bucket the earliest first
local function run()
  local latest = exact(millis() - tonumber(ARGV[4]))
  local names = {}
  for bucket = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    local index = KEYS[1] .. '{' .. bucket .. '}' .. ARGV[1]
    for _, name in ipairs(redis.call('ZRANGE', index, '-inf', latest, 'BYSCORE', 'LIMIT', 0, ARGV[5])) do
      names[#names + 1] = name
    end
  end
  return names
end
