import 'reflect-metadata';
import { growth } from './growth.js';
import { hits } from './hits.js';
import { lines } from './lines.js';
import { locks } from './locks.js';
import type { Order, Report } from './program.js';
import { queues } from './queues.js';

const [contender = '', redisUrl = '', ...args] = process.argv.slice(2);
const start = { ...locks, ...queues, ...hits, ...lines, ...growth }[contender];
if (!start) throw new Error(`there is no contender ${contender}`);
const run = await start(redisUrl, args);
const say = (report: Report) => process.send?.(report);
process.once('disconnect', () => process.exit());
process.on('message', ({ forMs }: Order) => {
  run(forMs).then(
    (sample) => say({ sample }),
    (error: unknown) => say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
say('ready');
