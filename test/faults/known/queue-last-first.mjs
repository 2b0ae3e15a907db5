// A node with a known fault: its pops take from the wrong end, the newest of the lowest priority first.
import { scripts } from '../../../dist/libs/queue/queue.scripts.js';
import { createHash } from 'node:crypto';

const { pop } = scripts;
const text = pop.text.replaceAll('rcall("ZPOPMIN", priorityKey)', 'rcall("ZPOPMAX", priorityKey)');
if (text === pop.text) throw new Error('The script of a pop has no place for this fault');
scripts.pop = { ...pop, text, sha1: createHash('sha1').update(text).digest('hex') };
