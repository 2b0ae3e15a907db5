// A node with a known fault: when Redis was away, it is in no hurry to connect again.
import { Redis } from 'ioredis';

const { connect } = Redis.prototype;
const connected = new WeakSet();
Redis.prototype.connect = async function (callback) {
  if (connected.has(this)) await new Promise((resolve) => setTimeout(resolve, 4000));
  connected.add(this);
  return await connect.call(this, callback);
};
