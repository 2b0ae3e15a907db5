#!lua flags=no-writes
-- WAITS: which locks of one bucket some owners wait for.
-- KEYS[1] owners of the bucket
-- ARGV[1] beginning of the key of a lock's places in this bucket; its name follows
-- ARGV[2] most locks that are looked at for one owner
-- ARGV[3..] owners
-- Answers { owner, lock, owner, lock, .. }
local function run()
  local answer = {}
  for i = 3, #ARGV do
    local owner = ARGV[i]
    local first = string.len(owner) .. ':' .. owner
    local pairs = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. first, '(' .. first .. '\255', 'LIMIT', 0, ARGV[2])
    for _, pair in ipairs(pairs) do
      local name = string.sub(pair, string.len(first) + 1)
      if redis.call('HEXISTS', ARGV[1] .. name, owner) == 1 then
        answer[#answer + 1] = owner
        answer[#answer + 1] = name
      end
    end
  end
  return answer
end
