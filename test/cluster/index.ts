export { makeDirectory } from './directories.js';
export { makeCertificate, type Certificate } from './test.certificates.js';
export { eventually, type Patience } from './eventually.js';
export { get, post, request, type Answer, type Json, type JsonObject, type RequestOptions } from './http.client.js';
export { reservePorts } from './ports.js';
export { startCluster, type ClusterOptions, type TestCluster } from './test.cluster.js';
export { COMPILED, startNode, TestNode, type TestNodeOptions } from './test.node.js';
export { startRedis, type TestRedis } from './test.redis.js';
