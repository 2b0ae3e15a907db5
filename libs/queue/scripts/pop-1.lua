#!lua flags=allow-oom
-- Takes messages: in automatic mode they are gone with the answer, in manual mode they are in flight.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] requestId with its route, or ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] "auto" or "manual"
-- ARGV[4] count, or "" for the one message of a pop without
-- ARGV[5] visibilityMs  ARGV[6] token  ARGV[7] QUEUE_MAX_IN_FLIGHT  ARGV[8] most bytes of payload
-- ARGV[9] place of a waiting pop, or ""  ARGV[10] its ticket, or "" where it has none  ARGV[11] "1": wait if empty
-- Answers {'ok', effects, messages: {id, payload, deliveries}, token or "0", 1 where count was given},
-- {'too_many_in_flight', effects} or
-- {'empty', effects, ticket, ms until the next delayed message or -1}
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
-- Of each call.
local isManual, visibility, token

-- The next message in BullMQ's order: what was redelivered, then by priority.
local function nextId()
  return redis.call('LINDEX', waitKey, -1) or redis.call('ZRANGE', prioritizedKey, 0, 0)[1]
end

-- Takes the next message off those that are ready.
local function takeId()
  local id = not known.noneReturned and redis.call('RPOP', waitKey)
  if id then return id end
  known.noneReturned = true
  id = redis.call('ZPOPMIN', prioritizedKey)[1]
  if not id then redis.call('DEL', counterKey) end
  return id
end

-- Takes the next message: in flight as by BullMQ's moveToActive, or gone as by that and moveToFinished. Answers its id,
-- payload and number of deliveries; only its id where it had expired; nothing where there is none.
local function take()
  local id = takeId()
  if not id then return nil end
  local job = base .. id
  local fields = redis.call('HMGET', job, 'data', 'ats', 'opts')
  local payload, deliveries = fields[1], (fields[2] or 0) + 1
  -- Seldom one has a time to live: the others need not be decoded.
  local expiresAt = string.find(fields[3], '"expiresAt"', 1, true) and cjson.decode(fields[3]).expiresAt
  if expiresAt and expiresAt <= now then
    forget(id)
    tell(EXPIRED, 1)
    return id
  end
  if expiresAt then redis.call('ZREM', expiryKey, id) end
  if known.hasAges == nil then known.hasAges = redis.call('EXISTS', ageKey) == 1 end
  if known.hasAges then redis.call('ZREM', ageKey, id) end
  if not known.isMarked then
    redis.call('ZADD', markerKey, '0', '0')
    known.isMarked = true
  end
  if isManual then
    redis.call('LPUSH', activeKey, id)
    redis.call('SET', job .. ':lock', token, 'PX', ARGV[5])
    redis.call('HSET', job, 'processedOn', nowText, 'ats', deliveries)
    redis.call('ZADD', inflightKey, exact(now + visibility), id)
  else
    redis.call('DEL', job)
  end
  return id, payload, deliveries
end

local function run()
  begin()
  local count = tonumber(ARGV[4]) or 1
  isManual, visibility = ARGV[3] == 'manual', tonumber(ARGV[5])
  token = isManual and ARGV[6] or '0'
  local place = ARGV[9]

  local told = replay()
  if told then
    -- A wake-up that it had got is another's.
    if place ~= '' and redis.call('ZREM', waitersKey, place) == 0 and readyCount() > 0 and not isPaused() then wake(1) end
    return told
  end
  settle(ARGV[2])

  local messages, bytes = {}, 0
  local full = false
  if not isPaused() then
    local out = isManual and (known.out or redis.call('ZCARD', inflightKey))
    known.out = nil
    if isManual then
      local room = tonumber(ARGV[7]) - out
      full = room <= 0 and readyCount() > 0
      count = math.min(count, room)
    end
    while #messages < count do
      if #messages > 0 then
        local id = nextId()
        if not id or bytes + redis.call('HSTRLEN', base .. id, 'data') > tonumber(ARGV[8]) then break end
      end
      local id, payload, deliveries = take()
      if not id then break end
      if payload then
        bytes = bytes + #payload
        messages[#messages + 1] = {id, payload, deliveries}
      end
    end
    if isManual and #messages > 0 then
      if now + visibility < (known.due or math.huge) then
        known.due = now + visibility
        redis.call('ZADD', dueKey, 'LT', exact(known.due), name)
      end
      known.out = out + #messages
    end
  end
  -- Whoever is answered gives up his place first, or he would be woken in the place of another.
  local answered = #messages > 0 or full or ARGV[11] == '0'
  if place ~= '' and answered then redis.call('ZREM', waitersKey, place) end
  wakeForArrivals()

  if #messages > 0 then return remember({'ok', effects, messages, token, ARGV[4] == '' and 0 or 1}) end
  if full then return {'too_many_in_flight', effects} end
  if place == '' or answered then return {'empty', effects, '', -1} end
  local ticket = ARGV[10] ~= '' and ARGV[10] or exact(nowMicros)
  redis.call('ZADD', waitersKey, ticket, place)
  -- No wait is longer than a minute; a list that all have left without a word goes by itself.
  redis.call('PEXPIRE', waitersKey, 120000)
  return {'empty', effects, ticket, nextDelayedInMs()}
end
