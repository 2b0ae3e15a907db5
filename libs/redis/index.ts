export { connectionOptions, RedisConnection, type RedisArgument } from './redis.connection.js';
export { RedisUnavailable } from './redis.errors.js';
export { RedisConnections, RedisModule } from './redis.module.js';
export { loadScript, type LuaScript } from './redis.script.js';
export { CurrentServer, type RedisServer } from './redis.server.js';
