#!lua flags=no-writes
-- The same as fill, for a Redis that is full: it remembers no other holder, but the value can be read all the same.
-- KEYS[1] line
-- ARGV[1] prefix of the channels
-- ARGV[2] heat from which on a line is not cached
-- ARGV[3] snapshot
-- ARGV[4] epoch, ARGV[5] instance
-- ARGV[6] name of the line
-- ARGV[7] grant
-- ARGV[8] 1 if a copy may be registered
-- Answers { now, 'absent' } | { now, 'expired', version }
--   | { now, 'value', json, version, expiresInMs, found, granted, 1 if a round is open }
--- @include "fill"
local function run()
  return look() or answer('')
end
