// A node with a known fault: it keeps a delivery from others for a third of the time that was asked for.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

const { pop } = QueueService.prototype;
QueueService.prototype.pop = async function (request, signal) {
  const { visibilityMs = 30_000 } = request;
  const short = request.ack === 'manual' && { visibilityMs: Math.floor(visibilityMs / 3) };
  return await pop.call(this, { ...request, ...short }, signal);
};
