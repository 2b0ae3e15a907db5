// A node with a known fault: it says that it gave up its copy, and does so a little later.
import { InvalidationSubscriber } from '../../../dist/libs/cache/invalidation.subscriber.js';

const { invalidate } = InvalidationSubscriber.prototype;
InvalidationSubscriber.prototype.invalidate = function (name, round, epoch) {
  this.directory.ack(name, round, epoch).catch(() => undefined);
  setTimeout(() => invalidate.call(this, name, round, epoch), 20);
};
