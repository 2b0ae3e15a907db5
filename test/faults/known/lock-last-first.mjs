// A known fault: whoever came last is served first.
import { rewrite } from './lock.scripts.mjs';

rewrite(
  "local head = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')",
  "local head = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')",
);
