-- What a lock tells nodes, each on its channel: [kind, field, ..], all strings.
local function tell(instance, ...)
  redis.call('PUBLISH', CHANNEL .. instance, cjson.encode({ ... }))
end

-- Those who watch hear every change of holders and waiters; the number shows them that they missed none.
local function event(kind, owner, mode, token)
  if lock.watch <= lock.now then return end
  lock.seq = lock.seq == 0 and micros() or lock.seq + 1
  local watchers = redis.call('HGETALL', key_of('watchers'))
  for i = 1, #watchers, 2 do
    tell(watchers[i], 'lock.event', NAME, exact(lock.seq), kind, owner, mode, token and exact(token) or '', exact(millis()))
  end
end
