// A node that never hears that a line was invalidated: only its lease keeps it from answering what is old.
import { Membership } from '../../../dist/libs/membership/index.js';

const { on } = Membership.prototype;
Membership.prototype.on = function (kind, handler) {
  on.call(this, kind, kind === 'cache.invalidate' ? () => undefined : handler);
};
