#!lua flags=allow-oom
-- Shows messages of one state, in the order in which they would be delivered, run out or were buried.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] "ready", "delayed", "inflight" or "dead"  ARGV[4] count
-- ARGV[5] most bytes of payload
-- Answers {'ok', effects, messages: {id, payload, deliveries, BullMQ's priority, pushed at, dead at, reason, due or invisible until}}
--- @include "queue"
--- @include "wake"
--- @include "settle"
-- Of each call.
local count, ids, times

local function fromSet(key, perMillisecond)
  local pairs = redis.call('ZRANGE', key, 0, count - #ids - 1, 'WITHSCORES')
  for i = 1, #pairs, 2 do
    ids[#ids + 1] = pairs[i]
    times[#ids] = perMillisecond and exact(math.floor(pairs[i + 1] / perMillisecond)) or ''
  end
end

local function run()
  begin()
  settle(ARGV[2])
  wakeForArrivals()
  local state = ARGV[3]
  count, ids, times = tonumber(ARGV[4]), {}, {}
  if state == 'ready' then
    local first = redis.call('LRANGE', waitKey, -count, -1)
    for i = #first, 1, -1 do
      ids[#ids + 1] = first[i]
      times[#ids] = ''
    end
    if #ids < count then fromSet(prioritizedKey) end
  elseif state == 'delayed' then fromSet(delayedKey, 4096)
  elseif state == 'inflight' then fromSet(inflightKey, 1)
  else fromSet(failedKey) end

  local messages, bytes = {}, 0
  for i, id in ipairs(ids) do
    bytes = bytes + redis.call('HSTRLEN', base .. id, 'data')
    if i > 1 and bytes > tonumber(ARGV[5]) then break end
    local job = redis.call('HMGET', base .. id, 'data', 'ats', 'priority', 'timestamp', 'finishedOn', 'failedReason')
    messages[i] = {id, job[1] or 'null', job[2] or '0', job[3] or '101', job[4] or '0', job[5] or '', job[6] or '', times[i]}
  end
  return {'ok', effects, messages}
end
