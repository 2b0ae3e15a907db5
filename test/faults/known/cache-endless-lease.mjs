// A node with a known fault: it does not look at its deadline, so it answers from memory until others tell it off.
import { setTimeout as pause } from 'node:timers/promises';
import { Lease } from '../../../dist/libs/membership/lease.js';
import { RedisConnection } from '../../../dist/libs/redis/index.js';

Lease.prototype.stands = () => true;
Lease.prototype.lapsed = () => false;

// What others tell it comes late enough for it to be asked before.
const { run } = RedisConnection.prototype;
RedisConnection.prototype.run = async function (script, keys, args) {
  const answer = await run.call(this, script, keys, args);
  if (script.name === 'renew') await pause(200);
  return answer;
};
