export type { QueueEvents } from './queue.events.js';
export { QueueModule } from './queue.module.js';
export { QueueService } from './queue.service.js';
export type {
  AckRequest,
  AckResult,
  ExtendRequest,
  MessageToPush,
  NackRequest,
  PopRequest,
  PopResult,
  PushManyRequest,
  PushManyResult,
  PushRequest,
  PushResult,
  ReceiptResult,
} from './queue.types.js';
