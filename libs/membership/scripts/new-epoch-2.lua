#!lua flags=allow-oom
-- NEWEPOCH: issues an epoch to a process and removes its previous one, which it has given up completely before.
-- KEYS[1] registry
-- KEYS[2] descriptions of nodes
-- ARGV[1] previous epoch or ''
-- ARGV[2] instance
-- ARGV[3] description (JSON)
-- Answers { epoch, counter, living, maxima }
--- @include "registry"
local function run()
  if ARGV[1] ~= '' then
    remove(KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
  end
  -- Never below Redis's time in microseconds, so that no epoch is issued twice even if Redis lost writes.
  local last = tonumber(redis.call('HGET', KEYS[1], 'counter') or '0')
  local now = micros()
  local epoch = exact(math.max(last + 1, now))
  redis.call('HSET', KEYS[1], 'counter', epoch, 'i:' .. epoch, ARGV[2], 'r:' .. epoch, '0')
  redis.call('HSET', KEYS[2], epoch, exact(millis()) .. ' ' .. ARGV[3])
  local answer = registry(KEYS[1])
  return { epoch, answer[1], answer[2], answer[3] }
end
