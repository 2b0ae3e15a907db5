#!lua flags=allow-oom
-- Makes dead letters ready again, oldest first, by BullMQ's own operation; at most 1000 per call.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] requestId with its route, or ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] QUEUE_MAX_LENGTH  ARGV[4] how many
-- ARGV[5] how many were moved by earlier calls of this redrive
-- Answers {'ok', effects, moved in all, how many are meant, 1 where it is done, moved by this call}
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
--- @bullmq "reprocessJob"
local function run()
  begin()
  local told = replay()
  if told then return told end
  settle(ARGV[2])
  local requested = ARGV[1] ~= ''
  -- A repetition goes on with what the first call had begun.
  local moved = tonumber(requested and redis.call('HGET', requestKey, 'moved') or ARGV[5])
  local meant = tonumber(requested and redis.call('HGET', requestKey, 'meant')
    or math.min(tonumber(ARGV[4]), moved + redis.call('ZCARD', failedKey)))

  local room = tonumber(ARGV[3]) - length()
  local step = math.min(meant - moved, room, 1000)
  local ids = step > 0 and redis.call('ZRANGE', failedKey, 0, step - 1) or {}
  for _, id in ipairs(ids) do
    bullmq_reprocessJob({base .. id, eventsKey, failedKey, waitKey, metaKey, activeKey, markerKey, prioritizedKey,
      counterKey}, {id, 'LPUSH', 'failedReason', 'failed', '1', '1'})
    local expiresAt = optionsOf(id).expiresAt
    if expiresAt then redis.call('ZADD', expiryKey, expiresAt, id) end
    becomesReady(id)
  end
  moved = moved + #ids
  wakeForArrivals()
  if #ids == 0 or moved == meant then
    local answer = {'ok', effects, moved, meant, 1, #ids}
    return moved > 0 and remember(answer) or answer
  end
  if requested then
    redis.call('HSET', requestKey, 'moved', moved, 'meant', meant)
    redis.call('PEXPIRE', requestKey, 300000)
  end
  return {'ok', effects, moved, meant, 0, #ids}
end
