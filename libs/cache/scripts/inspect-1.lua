#!lua flags=no-writes
-- The line as the directory has it.
-- KEYS[1] line
-- ARGV[1] snapshot
-- Answers { version (0: absent), epoch of the owner or '', 1 if a round is open, epoch of each living holder, .. }
--- @include "snapshot"
--- @include "line"
local function run()
  local line = load_line(KEYS[1])
  local present = line.present and not is_expired(line)
  local answer = { present and exact(line.version) or '0', present and line.owner or '', #line.pending > 0 and '1' or '' }
  if present then
    for _, holder in ipairs(without_dead(line.holders, parse_snapshot(ARGV[1]))) do answer[#answer + 1] = holder.epoch end
  end
  return answer
end
