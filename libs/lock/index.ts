export type { LockEvents } from './lock.events.js';
export { LockModule } from './lock.module.js';
export { LockService, type AcquireOptions } from './lock.service.js';
export type * from './lock.types.js';
export type { LockChange, WatchEvent } from './lock.watchers.js';
