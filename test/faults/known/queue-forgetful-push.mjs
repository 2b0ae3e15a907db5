// A node with a known fault: it does not remember pushes, so that a repetition pushes once more.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

const { push, pushMany } = QueueService.prototype;
QueueService.prototype.push = async function ({ requestId: _, ...request }) {
  return await push.call(this, request);
};
QueueService.prototype.pushMany = async function ({ requestId: _, ...request }) {
  return await pushMany.call(this, request);
};
