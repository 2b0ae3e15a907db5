-- The waiting pops of all nodes, by ticket: `<id>@<channel of the node>`. Each arrival takes one off and tells its node.

-- Takes up to `count` waiting pops off the list, who waits longest first. A channel that nobody listens to belongs to
-- a node that died: its place goes to the next.
local function wake(count)
  while count > 0 do
    local place = redis.call('ZPOPMIN', waitersKey)[1]
    if not place then return end
    local id, channel = string.match(place, '^(%d+)@(.*)$')
    if redis.call('PUBLISH', channel, cjson.encode({'queue.wake', name, id})) > 0 then count = count - 1 end
  end
end

-- Last step of every script in which messages can become ready.
local function wakeForArrivals()
  if arrived == 0 or known.nobodyWaits then return end
  known.nobodyWaits = redis.call('EXISTS', waitersKey) == 0
  if not known.nobodyWaits and not isPaused() then wake(math.min(arrived, readyCount())) end
end

-- Milliseconds until the next delayed message is due, -1 if there is none.
local function nextDelayedInMs()
  local first = redis.call('ZRANGE', delayedKey, 0, 0, 'WITHSCORES')
  if not first[1] then return -1 end
  return math.max(math.floor(first[2] / 4096) - now, 0)
end

-- A delayed message that is now the first one: the node of the longest waiting pop sets its timer anew.
local function tellNextDelayed(id)
  if redis.call('ZRANGE', delayedKey, 0, 0)[1] ~= id then return end
  local place = redis.call('ZRANGE', waitersKey, 0, 0)[1]
  if not place then return end
  redis.call('PUBLISH', string.match(place, '@(.*)$'), cjson.encode({'queue.due', name, exact(nextDelayedInMs())}))
end
