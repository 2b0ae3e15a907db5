export { LocalRedis, LocalRedisFailed, type LocalRedisOptions } from './local/local-redis.js';
export { findRedisServer, RedisServerMissing, type RedisBinary } from './local/redis.binary.js';
export type { RedisArgument } from './redis.calls.js';
export { connectionOptions, RedisConnection } from './redis.connection.js';
export { RedisUnavailable } from './redis.errors.js';
export { RedisConnections, RedisModule } from './redis.module.js';
export { loadScript, type LuaScript } from './redis.script.js';
export { sentinelOptions } from './redis.sentinels.js';
export { CurrentServer, type RedisServer } from './redis.server.js';
