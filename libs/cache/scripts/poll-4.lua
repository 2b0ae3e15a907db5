#!lua flags=allow-oom
-- Anyone moves a round on: asks those awaited again, gives up on the dead, commits if nobody is left.
-- KEYS[1] line
-- KEYS[2] prefix of the results
-- KEYS[3] tokens of locks
-- KEYS[4] names of lines by when they end
-- ARGV[1] prefix of the channels
-- ARGV[2] name of the line
-- ARGV[3] heat from which on a line is not cached
-- ARGV[4] snapshot
-- ARGV[5] id of the write asked about, or ''
-- Answers { now, 'pending' | 'unknown' } | { now, 'done', code, version, number, epoch, grant, expiresInMs }
--- @include "snapshot"
--- @include "line"
--- @include "changes"
local function run()
  local channels, name, hot_from, id = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
  local now = micros()
  local line = load_line(KEYS[1])
  local state = 'unknown'
  if #line.pending > 0 then
    local holders = without_dead(line.holders, parse_snapshot(ARGV[4]))
    if #holders > 0 then
      save_holders(KEYS[1], line.holders, holders)
      line.holders = holders
      tell_invalidate(channels, name, line)
      for _, write in ipairs(line.pending) do
        if write[ID] == id then state = 'pending' end
      end
    else
      local told = commit_round(KEYS, name, line, now, hot_from)
      tell_results(channels, name, line, told, #line.pending)
      for i, write in ipairs(line.pending) do
        if write[ID] == id then return { exact(now), unpack(told[i]) } end
      end
    end
  end
  if id ~= '' and state == 'unknown' then
    local stored = redis.call('GET', KEYS[2] .. id)
    if stored then
      stored = cjson.decode(stored)
      return { exact(now), 'done', stored[1], stored[2], stored[3], '', '', '' }
    end
  end
  return { exact(now), state }
end
