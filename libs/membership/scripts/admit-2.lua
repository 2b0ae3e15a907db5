#!lua flags=allow-oom
-- What a process asks a Redis server that it has not met before: has it kept what this process was last told?
-- KEYS[1] registry
-- KEYS[2] grace over: service -> run id of the server under which its hold has ended
-- ARGV[1] epoch of the process or ''
-- Answers { renewals that the registry shows for the epoch or false, { service, run id, .. } }
return { redis.call('HGET', KEYS[1], 'r:' .. ARGV[1]), redis.call('HGETALL', KEYS[2]) }
