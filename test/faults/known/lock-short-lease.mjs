// A known fault: a hold that was waited for stands for a twentieth of the lease that is answered.
import { LockStore } from '../../../dist/libs/lock/lock.store.js';

const { confirm } = LockStore.prototype;
LockStore.prototype.confirm = function (name, owner, token, leaseMs, ...rest) {
  return confirm.call(this, name, owner, token, Math.ceil(leaseMs / 20), ...rest);
};
