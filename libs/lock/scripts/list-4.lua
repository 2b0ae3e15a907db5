#!lua flags=allow-oom
-- LIST: a part of an index of one bucket, without the entries that are over. What is fresh is moved into the indices first.
-- KEYS[1] names of the bucket
-- KEYS[2] owners of the bucket
-- KEYS[3] when entries of these are over
-- KEYS[4] what is fresh in the bucket
-- ARGV[1] which index: n or o
-- ARGV[2] where to begin, ARGV[3] where to end, as ZRANGEBYLEX takes them
-- ARGV[4] most that are looked at
-- Answers { 1 if there is no more, last one looked at or empty, entry, .. }
--- @include "index"
local function run()
  local time = redis.call('TIME')
  local millis = time[1] * 1000 + math.floor(time[2] / 1000)
  local fresh = redis.call('HGETALL', KEYS[4])
  settle({ names = KEYS[1], owners = KEYS[2], due = KEYS[3], fresh = KEYS[4] }, fresh, millis)
  local index = ARGV[1] == 'n' and KEYS[1] or KEYS[2]
  local entries = redis.call('ZRANGEBYLEX', index, ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
  local answer = { #entries < tonumber(ARGV[4]) and 1 or 0, entries[#entries] or '' }
  for _, entry in ipairs(entries) do
    local over = redis.call('ZSCORE', KEYS[3], ARGV[1] .. entry)
    if over and tonumber(over) - KEEP_MS > millis then answer[#answer + 1] = entry end
  end
  return answer
end
