#!lua flags=allow-oom
-- WATCH: the caller hears the events of the lock until then, and how it stands now.
-- KEYS[1] lock; the names of its other keys follow from it
-- ARGV[1] what the caller says of itself (`context_of`)
-- ARGV[2] floor of the fencing token
-- ARGV[3] ms for which the caller watches, 0 to end it
-- ARGV[4] most holders and waiters that are listed
-- Answers { step, as INSPECT }
--- @include "snapshot"
--- @include "lock"
--- @include "tell"
--- @include "step"
--- @include "inspect"
local function run()
  begin()
  local more = step()
  local watches = tonumber(ARGV[3])
  local watchers = redis.call('HGETALL', key_of('watchers'))
  lock.watch = 0
  for i = 1, #watchers, 2 do
    if watchers[i] == CALLER or tonumber(watchers[i + 1]) <= lock.now then
      redis.call('HDEL', key_of('watchers'), watchers[i])
    else
      lock.watch = math.max(lock.watch, tonumber(watchers[i + 1]))
    end
  end
  if watches > 0 then
    redis.call('HSET', key_of('watchers'), CALLER, lock.now + watches)
    lock.watch = math.max(lock.watch, lock.now + watches)
    redis.call('PEXPIRE', key_of('watchers'), lock.watch - lock.now + KEEP_MS)
    if lock.seq == 0 then lock.seq = micros() end
  end
  local view = inspect(tonumber(ARGV[4]))
  return finish(more, unpack(view, 2))
end
