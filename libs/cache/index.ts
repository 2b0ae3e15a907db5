export * as directoryProtocol from './directory.protocol.js';
export * as nodeProtocol from './node.protocol.js';
