export { Child, type Command, type Exit } from './child.js';
export { freePort, listener, type Listener } from './ports.js';
