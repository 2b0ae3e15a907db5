#!lua flags=allow-oom
-- A holder has let go of the line, as a round asked; the last one commits the round.
-- KEYS[1] line
-- KEYS[2] prefix of the results
-- KEYS[3] tokens of locks
-- KEYS[4] names of lines by when they end
-- ARGV[1] prefix of the channels
-- ARGV[2] name of the line
-- ARGV[3] heat from which on a line is not cached
-- ARGV[4] round
-- ARGV[5] epoch
-- Answers { now }
--- @include "snapshot"
--- @include "line"
--- @include "changes"
local function run()
  local channels, name, hot_from = ARGV[1], ARGV[2], tonumber(ARGV[3])
  local now = micros()
  local line = load_line(KEYS[1])
  if #line.pending == 0 or exact(line.round) ~= ARGV[4] then return { exact(now) } end
  local holders = {}
  for _, holder in ipairs(line.holders) do
    if holder.epoch ~= ARGV[5] then holders[#holders + 1] = holder end
  end
  if #holders > 0 then
    save_holders(KEYS[1], line.holders, holders)
  else
    tell_results(channels, name, line, commit_round(KEYS, name, line, now, hot_from), #line.pending)
  end
  return { exact(now) }
end
