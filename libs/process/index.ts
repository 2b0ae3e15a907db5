export { Child, type Command, type Exit } from './child.js';
export { freePort, isTaken, listener, type Listener } from './ports.js';
