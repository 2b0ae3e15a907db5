export { QueueAdminService } from './queue.admin.service.js';
export type { QueueEvents } from './queue.events.js';
export { QueueModule } from './queue.module.js';
export { QueueService } from './queue.service.js';
export type {
  AckRequest,
  AckResult,
  Delivery,
  ExtendRequest,
  MessageState,
  MessageToPush,
  NackRequest,
  PeekedDelivery,
  PopRequest,
  PopResult,
  PushManyRequest,
  PushManyResult,
  PushRequest,
  PushResult,
  QueueStats,
  ReceiptResult,
  RedriveRequest,
} from './queue.types.js';
export { ScheduleService, type Schedule, type ScheduleRequest } from './schedule.service.js';
