// A node with a known fault: now and then it answers a push before the message is in Redis, and forgets it.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

const { push } = QueueService.prototype;
let pushes = 0;
QueueService.prototype.push = async function (request) {
  pushes += 1;
  return pushes % 20 === 0 ? { ok: true, id: String(10_000_000_000_000 + pushes) } : await push.call(this, request);
};
