#!lua flags=no-writes
-- INSPECT: who holds the lock, who waits for it.
-- KEYS[1] lock
-- KEYS[2] its holds
-- KEYS[3] its deadlines
-- KEYS[4] its queue
-- KEYS[5] its places
-- KEYS[6] its watchers
-- KEYS[7] names of the bucket
-- KEYS[8] owners of the bucket
-- KEYS[9] when entries of the bucket are over
-- ARGV[1] name
-- ARGV[2] floor of the fencing token
-- ARGV[3] snapshot of the registry
-- ARGV[4] ms for which an offer stands; negative if nothing may be granted yet, since holds may have been lost
-- ARGV[5] beginning of a channel name; the instance follows
-- ARGV[6] instance of the caller
-- ARGV[7] most holders and waiters that are listed
-- Answers { time, -1, 0, 0, mode or empty, highest token of a holder, number of holders, of waiters,
--   { owner, mode, token, ms to its deadline, .. }, { owner, mode, node, ms waited, .. }, seq }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "inspect"
local function run()
  begin()
  return inspect(tonumber(ARGV[7]))
end
