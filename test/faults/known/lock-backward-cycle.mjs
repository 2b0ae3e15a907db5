// A known fault: the victim of a deadlock is told the cycle with itself at the end.
import { LockService } from '../../../dist/libs/lock/lock.service.js';

const { acquire } = LockService.prototype;
LockService.prototype.acquire = async function (...request) {
  const answer = await acquire.apply(this, request);
  answer.cycle?.push(answer.cycle.shift());
  return answer;
};
