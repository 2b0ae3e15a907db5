// A node with a known fault: what was not acknowledged in time comes again three seconds late.
import { scripts } from '../../../dist/libs/queue/queue.scripts.js';
import { withText } from './script.text.mjs';

const LAPSED = `inflightKey, '-inf', '(' .. exact(now), 'LIMIT'`;
if (!scripts.pop.text.includes(LAPSED)) throw new Error('No script has a place for this fault');
for (const [name, script] of Object.entries(scripts)) {
  scripts[name] = withText(script, (text) => text.replaceAll(LAPSED, LAPSED.replace('now', 'now - 3000')));
}
