// A known fault: a node that gives up on a silent one refuses calls itself for a moment.
import { performance } from 'node:perf_hooks';
import { LockService } from '../../../dist/libs/lock/lock.service.js';
import { SilenceWatch } from '../../../dist/libs/membership/silence.watch.js';
import { RedisUnavailable } from '../../../dist/libs/redis/index.js';

let until = 0;
const { observe } = SilenceWatch.prototype;
SilenceWatch.prototype.observe = function (living, arrivedAt) {
  const silent = observe.call(this, living, arrivedAt);
  if (silent.length > 0) until = performance.now() + 500;
  return silent;
};

const { acquire } = LockService.prototype;
LockService.prototype.acquire = async function (...request) {
  if (performance.now() < until) throw new RedisUnavailable('a node fell silent', false);
  return await acquire.apply(this, request);
};
