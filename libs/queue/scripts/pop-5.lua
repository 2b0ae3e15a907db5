#!lua flags=allow-oom
-- Takes messages: in automatic mode they are gone with the answer, in manual mode they are in flight.
-- KEYS[1] base of BullMQ's keys
-- KEYS[2] base of our keys
-- KEYS[3] names of the bucket's queues
-- KEYS[4] the bucket's queues with deliveries out
-- KEYS[5] memory of the requestId
-- ARGV[1] queue  ARGV[2] requestId given  ARGV[3] QUEUE_MAX_DEAD  ARGV[4] "auto" or "manual"  ARGV[5] count, or "" for the one message of
-- a pop without
-- ARGV[6] visibilityMs  ARGV[7] token  ARGV[8] QUEUE_MAX_IN_FLIGHT  ARGV[9] most bytes of payload
-- ARGV[10] place of a waiting pop, or ""  ARGV[11] its ticket, or "" where it has none  ARGV[12] "1": wait if empty
-- Answers {'ok', effects, messages: {id, payload, deliveries}, token or "0", 1 where count was given},
-- {'too_many_in_flight', effects} or
-- {'empty', effects, ticket, ms until the next delayed message or -1}
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
--- @bullmq "moveToActive"
-- Of each call.
local visibility, token

-- The next message in BullMQ's order: what was redelivered, then by priority.
local function nextId()
  return redis.call('LINDEX', waitKey, -1) or redis.call('ZRANGE', prioritizedKey, 0, 0)[1]
end

-- Moves the next message to active by BullMQ's own operation. A token of "0" makes no lock.
local function take()
  local taken = bullmq_moveToActive({waitKey, activeKey, prioritizedKey, eventsKey, stalledKey, limiterKey, nothingKey,
    pausedKey, metaKey, counterKey, markerKey},
    {base, whole(now), cmsgpack.pack({token = token, lockDuration = visibility})})
  local fields, job = taken[1], {}
  if type(fields) ~= 'table' then return nil end
  for i = 1, #fields, 2 do job[fields[i]] = fields[i + 1] end
  return taken[2], job
end

local function run()
  begin()
  local manual, count = ARGV[4] == 'manual', tonumber(ARGV[5]) or 1
  visibility = tonumber(ARGV[6])
  token = manual and ARGV[7] or '0'
  local place = ARGV[10]

  local told = replay()
  if told then
    -- A wake-up that it had got is another's.
    if place ~= '' and redis.call('ZREM', waitersKey, place) == 0 and readyCount() > 0 and not isPaused() then wake(1) end
    return told
  end
  settle(ARGV[3])

  local messages, bytes = {}, 0
  local full = false
  if not isPaused() then
    if manual then
      local room = tonumber(ARGV[8]) - redis.call('ZCARD', inflightKey)
      full = room <= 0 and readyCount() > 0
      count = math.min(count, room)
    end
    while #messages < count do
      if #messages > 0 then
        local id = nextId()
        if not id or bytes + redis.call('HSTRLEN', base .. id, 'data') > tonumber(ARGV[9]) then break end
      end
      local id, job = take()
      if not id then break end
      local expiresAt = cjson.decode(job.opts).expiresAt
      if expiresAt and expiresAt <= now then
        dropExpired(id)
      else
        if expiresAt then redis.call('ZREM', expiryKey, id) end
        redis.call('ZREM', ageKey, id)
        bytes = bytes + #job.data
        messages[#messages + 1] = {id, job.data, tonumber(job.ats)}
        if manual then
          redis.call('ZADD', inflightKey, whole(now + visibility), id)
          if #messages == 1 then redis.call('ZADD', dueKey, 'LT', whole(now + visibility), name) end
        else
          finish(id, token, 'completed', 'returnvalue', 'null', 0)
        end
      end
    end
  end
  -- Whoever is answered gives up his place first, or he would be woken in the place of another.
  local answered = #messages > 0 or full or ARGV[12] == '0'
  if place ~= '' and answered then redis.call('ZREM', waitersKey, place) end
  wakeForArrivals()

  if #messages > 0 then return remember({'ok', effects, messages, token, ARGV[5] == '' and 0 or 1}) end
  if full then return {'too_many_in_flight', effects} end
  if place == '' or answered then return {'empty', effects, '', -1} end
  local ticket = ARGV[11] ~= '' and ARGV[11] or whole(nowMicros)
  redis.call('ZADD', waitersKey, ticket, place)
  -- No wait is longer than a minute; a list that all have left without a word goes by itself.
  redis.call('PEXPIRE', waitersKey, 120000)
  return {'empty', effects, ticket, nextDelayedInMs()}
end
