--- @include "snapshot"
--- @include "line"
--- @include "changes"
local FIRST, PER_WRITE = 8, 9
-- Of each call.
local line, answers, fresh, asked

local function settle(told)
  for i, came_to in ipairs(told) do answers[asked[i]] = came_to end
end

local function append(first)
  for i = first, #fresh do
    line.pending[#line.pending + 1] = fresh[i]
    redis.call('HSET', KEYS[1], 'w' .. #line.pending, cjson.encode(fresh[i]))
  end
end

local function run()
  local channels, name, hot_from = ARGV[1], ARGV[6], tonumber(ARGV[2])
  local epoch, instance, upto = ARGV[4], ARGV[5], tonumber(ARGV[7])
  local now = micros()
  line = load_own_line(KEYS[1], epoch) or load_line(KEYS[1])
  local holders = without_void(line.holders, epoch, instance, upto, parse_snapshot(ARGV[3]))
  local before = #line.pending

  answers, fresh, asked = { exact(now) }, {}, {}
  for at = FIRST, #ARGV, PER_WRITE do
    local index = #answers + 1
    local write = {
      ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7],
      ARGV[at + 8], epoch, instance, instance,
    }
    local stored = redis.call('GET', KEYS[2] .. write[ID])
    if stored then stored = cjson.decode(stored) end
    local pending
    for i = 1, before do
      if line.pending[i][ID] == write[ID] then pending = i end
    end
    if stored and stored[4] == '1' then
      answers[index] = outcome(stored[1], stored[2], stored[3])
    elseif pending then
      local other, known = line.pending[pending], false
      for j = RECIPIENT, #other do known = known or other[j] == instance end
      if not known then
        other[#other + 1] = instance
        redis.call('HSET', KEYS[1], 'w' .. pending, cjson.encode(other))
      end
      answers[index] = { 'pending' }
    else
      -- A refusal changed nothing, so a repetition is judged anew.
      if stored then redis.call('DEL', KEYS[2] .. write[ID]) end
      fresh[#fresh + 1], asked[#asked + 1] = write, index
      answers[index] = { 'pending' }
    end
  end

  if #fresh == 0 then return answers end
  if before > 0 then
    if #holders > 0 then
      save_holders(KEYS[1], line.holders, holders)
      append(1)
      line.holders = holders
      tell_invalidate(channels, name, line)
      return answers
    end
    for i, write in ipairs(fresh) do line.pending[before + i] = write end
    local told = commit_round(KEYS, name, line, now, hot_from)
    tell_results(channels, name, line, told, before)
    local own = {}
    for i = 1, #fresh do own[i] = told[before + i] end
    settle(own)
    return answers
  end
  if #holders == 0 then
    settle(commit_writes(KEYS, name, line, fresh, now, hot_from, false))
    return answers
  end
  -- Those at the front that fail as things stand need not wait for a round. Past the expiry somebody may still rightly
  -- see the value: only the round can tell that it is gone.
  local first = 1
  if not is_expired(line) then
    local state = start_state(KEYS, line, fresh, now)
    while first <= #fresh do
      local came_to = apply_write(state, fresh[first], now)
      if came_to[CODE] == 'ok' then break end
      answers[asked[first]] = came_to
      first = first + 1
    end
  end
  if first > #fresh then return answers end
  line.round = next_number(line.round, now)
  redis.call('HSET', KEYS[1], 'r', exact(line.round))
  save_holders(KEYS[1], line.holders, holders)
  append(first)
  line.holders = holders
  tell_invalidate(channels, name, line)
  return answers
end
