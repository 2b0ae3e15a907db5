// A node with a known fault: its pops take from the wrong end, the newest of the lowest priority first.
import { scripts } from '../../../dist/libs/queue/queue.scripts.js';
import { withText } from './script.text.mjs';

const { pop } = scripts;
const FIRST = `redis.call('ZPOPMIN', prioritizedKey)`;
if (!pop.text.includes(FIRST)) throw new Error('The script of a pop has no place for this fault');
scripts.pop = withText(pop, (text) => text.replaceAll(FIRST, FIRST.replace('MIN', 'MAX')));
