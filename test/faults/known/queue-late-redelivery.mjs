// A node with a known fault: what was not acknowledged in time comes again three seconds late.
import { createHash } from 'node:crypto';
import { scripts } from '../../../dist/libs/queue/queue.scripts.js';

for (const [name, script] of Object.entries(scripts)) {
  const text = script.text.replace(`'(' .. whole(now), 'LIMIT', 0, lapses`, `'(' .. whole(now - 3000), 'LIMIT', 0, lapses`);
  scripts[name] = { ...script, text, sha1: createHash('sha1').update(text).digest('hex') };
}
