#!lua flags=no-writes
-- LIST: a part of an index of one bucket, and what is fresh there, without the entries that are over.
-- KEYS[1] names or owners of the bucket
-- KEYS[2] when entries of these are over
-- KEYS[3] what is fresh in the bucket
-- ARGV[1] beginning of the entries in KEYS[2]: n or o
-- ARGV[2] where to begin, ARGV[3] where to end, as ZRANGEBYLEX takes them
-- ARGV[4] most that are looked at
-- Answers { 1 if there is no more, last one looked at or empty, { entry, .. }, { fresh lock, owner, .. } }
--- @include "index"
local function run()
  local entries = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
  local listed, fresh = {}, {}
  for _, entry in ipairs(entries) do
    local over = redis.call('ZSCORE', KEYS[2], ARGV[1] .. entry)
    if over and tonumber(over) - KEEP_MS > millis() then listed[#listed + 1] = entry end
  end
  local all = redis.call('HGETALL', KEYS[3])
  for i = 1, #all, 2 do
    if all[i] ~= NO_NAME then
      local _, owner, till = hold_in(all[i + 1])
      if owner and till > millis() then fresh[#fresh + 1], fresh[#fresh + 2] = all[i], owner end
    end
  end
  return { #entries < tonumber(ARGV[4]) and 1 or 0, entries[#entries] or '', listed, fresh }
end
