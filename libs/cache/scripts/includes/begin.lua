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

-- The short way of most writes: of one value, without condition, end or repetition, by the owner of a line without end.
-- Answers what commit_writes would; nothing where it is not that.
local function write_own(own, hot_from, epoch, instance, upto, now)
  local plain = #ARGV == FIRST + PER_WRITE - 1 and ARGV[FIRST + 3] == 'write' and ARGV[FIRST + 2] == ''
    and ARGV[FIRST + 5] == '' and ARGV[FIRST + 6] == '' and ARGV[FIRST + 7] == ''
  -- Whoever owns a line is its last writer.
  local stays = not own.expires and own.heat < hot_from and own.holders[1].grant <= upto
  if not plain or not stays then return nil end
  local grant, version = ARGV[FIRST + 1], exact(next_number(own.version, now))
  redis.call('HSET', KEYS[1], 'n', version, 'v', ARGV[FIRST + 4], 'g' .. epoch, grant .. ' ' .. instance)
  return { exact(now), { 'done', 'ok', version, '', epoch, grant, '' } }
end

local function run()
  local channels, name, hot_from = ARGV[1], ARGV[6], tonumber(ARGV[2])
  local epoch, instance, upto = ARGV[4], ARGV[5], tonumber(ARGV[7])
  local now = micros()
  local own = load_own_line(KEYS[1], epoch)
  local written = own and write_own(own, hot_from, epoch, instance, upto, now)
  if written then return written end
  line = own or load_line(KEYS[1])
  local holders = without_void(line.holders, epoch, instance, upto, parse_snapshot(ARGV[3]))
  local before = #line.pending

  answers, fresh, asked = { exact(now) }, {}, {}
  for at = FIRST, #ARGV, PER_WRITE do
    local index = #answers + 1
    local write = {
      ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7],
      ARGV[at + 8], epoch, instance, instance,
    }
    -- Nobody else has an id that is not a caller's.
    local stored = write[REPEATABLE] == '1' and redis.call('GET', KEYS[2] .. write[ID])
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
