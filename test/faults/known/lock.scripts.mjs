import { scripts } from '../../../dist/libs/lock/lock.scripts.js';
import { withText } from './script.text.mjs';

/**
 * Changes the text of the lock's scripts where it occurs, before any is sent.
 * @throws Error where no script has it any more
 */
export function rewrite(text, instead) {
  let found = false;
  for (const { script } of Object.values(scripts)) {
    if (!script.text.includes(text)) continue;
    found = true;
    Object.assign(
      script,
      withText(script, (before) => before.replace(text, () => instead)),
    );
  }
  if (!found) throw new Error(`no script has ${text}`);
}
