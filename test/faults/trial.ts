import { hunt, knownFaults } from './known.js';
for (const k of knownFaults) { const t = performance.now(); console.log(k.service, k.name, await hunt(k, 1), Math.round(performance.now() - t)); }
