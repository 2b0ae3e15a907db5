#!lua
-- Pushes messages, all or none.
-- KEYS[1] base of BullMQ's keys of the queue
-- ARGV[1] requestId with its route, or ""  ARGV[2] QUEUE_MAX_DEAD  ARGV[3] QUEUE_MAX_LENGTH
-- ARGV[4..] seven per message: payload, delayMs, BullMQ's priority, dedupId, dedupMs, ttlMs (0 for none), maxDeliveries
-- Answers {'ok', effects, ids, indexes of duplicates} or {'full', effects}
--- @include "queue"
--- @include "wake"
--- @include "requests"
--- @include "settle"
--- @bullmq "addPrioritizedJob"
--- @bullmq "addDelayedJob"
local FIRST, FIELDS = 4, 7

-- BullMQ's options of a message, as it keeps them. Most are like the last.
local lastPriority, lastAttempts, lastText
local function textOfOptions(priority, attempts, expiresAt)
  if expiresAt or priority ~= lastPriority or attempts ~= lastAttempts then
    lastText = cjson.encode({priority = tonumber(priority), attempts = tonumber(attempts), expiresAt = expiresAt})
    lastPriority, lastAttempts = not expiresAt and priority, attempts
  end
  return lastText
end

-- Adds a message that is ready at once, as BullMQ's addPrioritizedJob does. Answers its id.
local function add(payload, priority, options)
  local id = redis.call('INCR', idKey) .. ''
  redis.call('HSET', base .. id, 'name', 'message', 'data', payload, 'opts', options, 'timestamp', nowText,
    'delay', '0', 'priority', priority)
  local score = priority * PER_PRIORITY + redis.call('INCR', counterKey) % PER_PRIORITY
  redis.call('ZADD', prioritizedKey, exact(score), id)
  if not known.isMarked and not isPaused() then
    redis.call('ZADD', markerKey, '0', '0')
    known.isMarked = true
  end
  return id
end

-- Adds one that has a delay or a deduplication id, by BullMQ's own operation. Answers its id, and whether it is new.
local function addByBullmq(payload, options, isDelayed, deduplicationKey)
  local job = {base, '', 'message', now}
  job[9] = deduplicationKey
  local arguments = {cmsgpack.pack(job), payload, cmsgpack.pack(options)}
  local id
  if isDelayed then
    id = bullmq_addDelayedJob({markerKey, metaKey, idKey, delayedKey, completedKey, eventsKey}, arguments)
  else
    id = bullmq_addPrioritizedJob({markerKey, metaKey, idKey, prioritizedKey, delayedKey, completedKey, activeKey,
      eventsKey, counterKey}, arguments)
  end
  -- BullMQ answers the id of the message that is there already, but counts its ids on.
  return id, id == redis.call('GET', idKey)
end

-- BullMQ's deduplication id: windows of a queue that was deleted do not reach into its successor.
local born -- of each call
local function window(dedupId)
  born = born or redis.call('HGET', metaKey, 'born')
  return born .. ':' .. dedupId
end

local function run()
  begin()
  born = nil
  local told = replay()
  if told then return told end
  settle(ARGV[2])

  if not meta()[2] then
    redis.call('HSET', metaKey, 'opts.maxLenEvents', 0)
    redis.call('ZADD', namesKey, 0, name)
    -- Ids go on from the time in tenths of a millisecond, so that a queue deleted and made again repeats none, and all
    -- have 14 digits: ids in order of text are in order of pushing, and Lua's number conversion is still exact.
    redis.call('SET', idKey, exact(math.floor(nowMicros / 100)))
    redis.call('HSET', metaKey, 'born', redis.call('GET', idKey))
    meta()[2] = '0'
  end

  local needed, seen = 0, {}
  for i = FIRST, #ARGV, FIELDS do
    local dedupId = ARGV[i + 3]
    if dedupId == '' then
      needed = needed + 1
    elseif not seen[dedupId] then
      seen[dedupId] = true
      if redis.call('EXISTS', base .. 'de:' .. window(dedupId)) == 0 then needed = needed + 1 end
    end
  end
  local held = known.length or length()
  if needed > 0 and held + needed > tonumber(ARGV[3]) then
    wakeForArrivals()
    return {'full', effects}
  end
  known.length = nil

  local ids, duplicates = {}, {}
  for i = FIRST, #ARGV, FIELDS do
    local delay, dedupId, ttl = tonumber(ARGV[i + 1]), ARGV[i + 3], tonumber(ARGV[i + 5])
    local expiresAt = ttl > 0 and now + ttl or nil
    local isDelayed = delay > 0 or isBehind
    local id, isNew = nil, true
    if isDelayed or dedupId ~= '' then
      local options = {priority = tonumber(ARGV[i + 2]), attempts = tonumber(ARGV[i + 6]), expiresAt = expiresAt}
      local deduplicationKey
      if delay > 0 then options.delay = delay end
      if dedupId ~= '' then
        options.de = {id = window(dedupId), ttl = tonumber(ARGV[i + 4])}
        deduplicationKey = base .. 'de:' .. window(dedupId)
      end
      id, isNew = addByBullmq(ARGV[i], options, isDelayed, deduplicationKey)
    else
      id = add(ARGV[i], ARGV[i + 2], textOfOptions(ARGV[i + 2], ARGV[i + 6], expiresAt))
    end
    ids[#ids + 1] = id
    if isNew then
      held = held + 1
      if expiresAt then redis.call('ZADD', expiryKey, expiresAt, id) end
      if isDelayed then tellNextDelayed(id) else arrived = arrived + 1 end
    else
      duplicates[#duplicates + 1] = #ids - 1
    end
  end
  known.length = held

  wakeForArrivals()
  return remember({'ok', effects, ids, duplicates})
end
