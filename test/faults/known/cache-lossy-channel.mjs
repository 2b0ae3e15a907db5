// A node whose messages from the directory are lost or late, each third one or so.
import { Membership } from '../../../dist/libs/membership/index.js';

const { on } = Membership.prototype;
Membership.prototype.on = function (kind, handler) {
  on.call(this, kind, (...fields) => {
    const dice = Math.random();
    if (dice < 0.15) return;
    if (dice < 0.35) setTimeout(() => handler(...fields), Math.random() * 100);
    else handler(...fields);
  });
};
