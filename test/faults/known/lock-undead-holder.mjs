// A known fault: a holder whose lease is over counts as one until he comes back himself.
import { rewrite } from './lock.scripts.mjs';

rewrite('local function expire()', 'local function expire() if true then return false end');
rewrite("return redis.call('ZCOUNT', KEYS[3], '(' .. exact(lock.now), '+inf')", "return redis.call('ZCARD', KEYS[3])");
