#!lua flags=allow-oom
-- The living nodes, and the dead ones of the last while; forgets those that are dead for longer.
-- KEYS[1] registry
-- KEYS[2] descriptions of nodes
-- ARGV[1] ms after which a dead node is forgotten
-- Answers { epoch, 1 if alive else 0, description, .. }
--- @include "registry"
local function run()
  local now = millis()
  local answer = {}
  local nodes = redis.call('HGETALL', KEYS[2])
  for i = 1, #nodes, 2 do
    local epoch = nodes[i]
    local seen, description = string.match(nodes[i + 1], '^(%d+) (.*)$')
    local alive = redis.call('HEXISTS', KEYS[1], 'i:' .. epoch)
    if alive == 0 and now - tonumber(seen) > tonumber(ARGV[1]) then
      redis.call('HDEL', KEYS[2], epoch)
    else
      answer[#answer + 1] = epoch
      answer[#answer + 1] = alive
      answer[#answer + 1] = description
    end
  end
  return answer
end
