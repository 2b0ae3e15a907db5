-- Answers to calls with a requestId, kept five minutes so that a repetition on any node is told the same.
-- ARGV[1] is "" where the caller gave none.
local function replay()
  if ARGV[1] == '' then return nil end
  local packed = redis.call('HGET', requestKey, 'answer')
  if not packed then return nil end
  -- Who repeated has the answer now: it may no longer be taken back (undeliver).
  redis.call('HSET', requestKey, 'replayed', 1)
  local answer = cmsgpack.unpack(packed)
  -- What happened on the way was told by the first.
  answer[2] = {}
  return answer
end

local function remember(answer)
  if ARGV[1] ~= '' then
    redis.call('HSET', requestKey, 'answer', cmsgpack.pack(answer))
    redis.call('PEXPIRE', requestKey, 300000)
  end
  return answer
end
