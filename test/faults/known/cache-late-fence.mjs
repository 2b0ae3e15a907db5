// A node with a known fault: it gives up on a silent one three seconds after it could.
import { SilenceWatch } from '../../../dist/libs/membership/silence.watch.js';

const noticed = new Map();
const { observe } = SilenceWatch.prototype;
SilenceWatch.prototype.observe = function (living, arrivedAt) {
  return observe.call(this, living, arrivedAt).filter(({ epoch, renewals }) => {
    const key = `${epoch} ${renewals}`;
    if (!noticed.has(key)) noticed.set(key, arrivedAt);
    return arrivedAt - noticed.get(key) > 3000;
  });
};
