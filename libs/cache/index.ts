export type { CacheEvents, CopyState } from './cache.events.js';
export { GRACE_OVER } from './cache.keys.js';
export { CacheModule } from './cache.module.js';
export { Reading } from './reading.js';
export {
  CacheService,
  type Deleted,
  type DeleteOptions,
  type Incremented,
  type IncrementOptions,
  type LineView,
  type LocalLine,
  type WriteOptions,
  type Written,
} from './cache.service.js';
