#!lua flags=allow-oom
-- RENEW: keeps an epoch alive, and tells its process so on its own channel, so that a deaf process cannot keep a lease.
-- KEYS[1] registry
-- KEYS[2] descriptions of nodes
-- ARGV[1] epoch
-- ARGV[2] number of this renewal, greater than those before
-- ARGV[3] channel of the process
-- ARGV[4] description (JSON)
-- ARGV[5] 1 where Redis was seen to sync every write, else 0
-- ARGV[6..] name and value of each maximum that it shares
-- Answers { counter, living, maxima } or { false } where the epoch is dead
--- @include "registry"
local function run()
  if redis.call('HEXISTS', KEYS[1], 'i:' .. ARGV[1]) == 0 then return { false } end
  redis.call('HSET', KEYS[1], 'r:' .. ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[1], exact(millis()) .. ' ' .. ARGV[4])
  -- Nodes that start after a restart of everything can tell by this that nothing was lost.
  if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'durable', '1') else redis.call('HDEL', KEYS[1], 'durable') end
  for i = 6, #ARGV, 2 do
    local field = 'max:' .. ARGV[i]
    if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', KEYS[1], field) or '-1') then
      redis.call('HSET', KEYS[1], field, ARGV[i + 1])
    end
  end
  redis.call('PUBLISH', ARGV[3], cjson.encode({ 'tick', ARGV[1], ARGV[2] }))
  return registry(KEYS[1])
end
