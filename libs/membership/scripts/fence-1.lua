#!lua flags=allow-oom
-- FENCE: ends an epoch whose process fell silent; void if it has renewed since it was looked at.
-- KEYS[1] registry
-- ARGV[1] epoch
-- ARGV[2] number of the renewal that was seen last
-- Answers 1 if this ended it, else 0
--- @include "registry"
local function run()
  if redis.call('HGET', KEYS[1], 'r:' .. ARGV[1]) ~= ARGV[2] then return 0 end
  remove(KEYS[1], ARGV[1])
  return 1
end
