import { createHash } from 'node:crypto';

/**
 * A script with another text. Its library has another name too, since Redis has the right one of the other nodes.
 * @param change of a text, by which the text that a library has and that of a single call are changed
 */
export function withText(script, change) {
  const changed = change(script.text);
  const library = script.library.slice(0, -8) + createHash('sha1').update(changed).digest('hex').slice(0, 8);
  return { ...script, library, text: changed.replaceAll(script.library, library), once: change(script.once) };
}
