// A known fault: whoever came last is served first.
import { rewrite } from './lock.scripts.mjs';

rewrite('local head = queue_of(1)', "local head = redis.call('ZREVRANGE', key_of('queue'), 0, 0, 'WITHSCORES')");
