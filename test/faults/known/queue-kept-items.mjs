// A node with a known fault: its automatic pops leave the message in flight, so that it comes again.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

const { pop } = QueueService.prototype;
QueueService.prototype.pop = async function (request, signal) {
  if (request.ack === 'manual') return await pop.call(this, request, signal);
  const taken = await pop.call(this, { ...request, ack: 'manual', visibilityMs: 300 }, signal);
  if (!taken.ok) return taken;
  return taken.messages ? { ok: true, items: taken.messages.map(({ item }) => item) } : { ok: true, item: taken.item };
};
