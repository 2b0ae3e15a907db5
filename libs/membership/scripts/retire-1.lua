#!lua flags=allow-oom
-- RETIRE: a process that stops gives its epoch back; it has dropped everything before.
-- KEYS[1] registry
-- ARGV[1] epoch
-- Answers 1
--- @include "registry"
local function run()
  remove(KEYS[1], ARGV[1])
  return 1
end
