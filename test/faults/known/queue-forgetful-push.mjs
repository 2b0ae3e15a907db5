// A node with a known fault: it does not remember pushes, so that a repetition pushes once more.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

for (const method of ['push', 'pushMany']) {
  const original = QueueService.prototype[method];
  QueueService.prototype[method] = async function (request) {
    return await original.call(this, { ...request, requestId: undefined });
  };
}
