// A known fault: who was told `timeout` is still queued for a moment, and is given the lock if his turn comes.
import { LockStore } from '../../../dist/libs/lock/lock.store.js';

const { leave } = LockStore.prototype;
LockStore.prototype.leave = function (name, owner, take) {
  if (!take) return leave.call(this, name, owner, { leaseMs: 2000, call: '-' });
  setTimeout(() => void leave.call(this, name, owner, take).catch(() => undefined), 500);
  return Promise.resolve(undefined);
};
