#!lua flags=allow-oom
-- WATCH: the caller hears the events of the lock until then, and how it stands now.
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
-- ARGV[7] ms for which the caller watches, 0 to end it
-- ARGV[8] most holders and waiters that are listed
-- Answers { time, wake, more, expired, as INSPECT }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "inspect"
local function run()
  begin()
  local more = step()
  local watches = tonumber(ARGV[7])
  local watchers = redis.call('HGETALL', KEYS[6])
  lock.watch = 0
  for i = 1, #watchers, 2 do
    if watchers[i] == CALLER or tonumber(watchers[i + 1]) <= lock.now then
      redis.call('HDEL', KEYS[6], watchers[i])
    else
      lock.watch = math.max(lock.watch, tonumber(watchers[i + 1]))
    end
  end
  if watches > 0 then
    redis.call('HSET', KEYS[6], CALLER, exact(lock.now + watches))
    lock.watch = math.max(lock.watch, lock.now + watches)
    redis.call('PEXPIRE', KEYS[6], exact(lock.watch - lock.now + KEEP_MS))
    if lock.seq == 0 then lock.seq = lock.micros end
  end
  local view = inspect(tonumber(ARGV[8]))
  return finish(more, unpack(view, 5))
end
