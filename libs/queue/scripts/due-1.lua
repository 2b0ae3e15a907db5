#!lua flags=no-writes
-- The queues of one bucket in which deliveries have run out.
-- KEYS[1] the bucket's queues with deliveries out
-- ARGV[1] most names in the answer
-- Answers {ms until the first is due or -1, names that are due}
local function run()
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  if not first[1] then return {-1, {}} end
  -- A delivery has run out in the millisecond after its last.
  local wait = math.max(first[2] + 1 - now, 0)
  return {wait, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now), 'LIMIT', 0, ARGV[1])}
end
