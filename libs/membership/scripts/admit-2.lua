#!lua flags=allow-oom
-- What a process asks a Redis server that it has not met before: has it kept what nodes were told?
-- KEYS[1] registry
-- KEYS[2] grace over: service -> run id of the server under which its hold has ended; '*' for all services
-- ARGV[1] epoch of the process or ''
-- ARGV[2] run id of the server, where one without a registry has never had one; else ''
-- Answers { renewals that the registry shows for the epoch or false, durable or false, { service, run id, .. } }
local function run()
  if ARGV[2] ~= '' and redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HSET', KEYS[2], '*', ARGV[2]) end
  return {
    redis.call('HGET', KEYS[1], 'r:' .. ARGV[1]),
    redis.call('HGET', KEYS[1], 'durable'),
    redis.call('HGETALL', KEYS[2]),
  }
end
