// A known fault: one release in ten is answered four seconds late.
import { setTimeout as pause } from 'node:timers/promises';
import { LockService } from '../../../dist/libs/lock/lock.service.js';

const { release } = LockService.prototype;
let calls = 0;
LockService.prototype.release = async function (request) {
  const answer = await release.call(this, request);
  calls += 1;
  if (calls % 10 === 0) await pause(4000);
  return answer;
};
