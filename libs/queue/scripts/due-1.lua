#!lua flags=no-writes
-- The queues in which deliveries have run out, of all buckets: one call of a node that is idle, not one per bucket. It
-- only reads, so nothing needs these lists to be in one slot; where buckets are apart it would be one call for each.
-- KEYS[1] what the buckets' lists of queues with deliveries out begin with; {bucket} follows
-- ARGV[1] number of buckets
-- ARGV[2] most names of one bucket
-- Answers {ms until the first that is not due yet or -1, names that are due}
local function run()
  local now = millis()
  local bound = exact(now)
  local wait, due = -1, {}
  for bucket = 0, ARGV[1] - 1 do
    local list = KEYS[1] .. '{' .. bucket .. '}'
    local first = redis.call('ZRANGE', list, 0, 0, 'WITHSCORES')[2]
    -- A delivery has run out in the millisecond after its last.
    if first and first + 0 < now then
      for _, name in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', '(' .. bound, 'LIMIT', 0, ARGV[2])) do
        due[#due + 1] = name
      end
    elseif first and (wait < 0 or first + 1 - now < wait) then
      wait = first + 1 - now
    end
  end
  return {wait, due}
end
