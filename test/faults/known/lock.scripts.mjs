import { createHash } from 'node:crypto';
import { scripts } from '../../../dist/libs/lock/lock.scripts.js';

/**
 * Changes the text of the lock's scripts where it occurs, before any is sent.
 * @throws Error where no script has it any more
 */
export function rewrite(text, instead) {
  let found = false;
  for (const { script } of Object.values(scripts)) {
    if (!script.text.includes(text)) continue;
    found = true;
    script.text = script.text.replace(text, () => instead);
    script.sha1 = createHash('sha1').update(script.text).digest('hex');
  }
  if (!found) throw new Error(`no script has ${text}`);
}
