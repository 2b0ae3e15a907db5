#!lua flags=no-writes
-- INSPECT: who holds the lock, who waits for it.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] most holders and waiters that are listed
-- Answers { step, mode or empty, highest token of a holder, number of holders, of waiters,
--   { owner, mode, token, ms to its deadline, .. }, { owner, mode, node, ms waited, .. }, seq }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "inspect"
local function run()
  begin()
  return inspect(tonumber(ARGV[3]))
end
