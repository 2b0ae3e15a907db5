#!lua flags=no-writes
-- Names of a bucket's queues, in order.
-- KEYS[1] names of the bucket's queues
-- ARGV[1] from  ARGV[2] to, both as ZRANGEBYLEX takes them  ARGV[3] most names in the answer
-- Answers names
local function run()
  return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
end
