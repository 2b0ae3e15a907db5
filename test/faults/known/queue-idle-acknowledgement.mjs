// A node with a known fault: now and then it answers an acknowledgement and carries nothing out.
import { QueueService } from '../../../dist/libs/queue/queue.service.js';

const { ack } = QueueService.prototype;
let acks = 0;
QueueService.prototype.ack = async function (request) {
  acks += 1;
  return acks % 10 === 0 ? { ok: true, acked: request.receipts?.length ?? 1 } : await ack.call(this, request);
};
