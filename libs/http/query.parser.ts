import { invalidFields, Problem } from './problem.js';

/** Names seen, each as the one string that V8 compares without reading it: a new one as a property's name costs half of all this. */
const names = new Map<string, string>();
/** More than the API has; whoever sends others only makes them slow. */
const MOST_NAMES = 100;

/**
 * Decodes a query string: percent-encoded UTF-8, `+` as a space. A name stands at most once.
 * @throws Problem 400
 */
export function parseQuery(text: string | null | undefined): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  if (!text) return query;
  let from = 0;
  while (from < text.length) {
    const end = text.indexOf('&', from);
    const to = end < 0 ? text.length : end;
    const pair = text.slice(from, to);
    from = to + 1;
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = known(decode(at < 0 ? pair : pair.slice(0, at)));
    if (name in query) throw invalidFields([{ field: name, message: 'must be given once' }]);
    query[name] = decode(at < 0 ? '' : pair.slice(at + 1));
  }
  return query;
}

function known(name: string): string {
  const same = names.get(name);
  if (same === undefined && names.size < MOST_NAMES) names.set(name, name);
  return same ?? name;
}

function decode(text: string): string {
  try {
    const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
    return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
  } catch (cause) {
    throw new Problem(400, 'The query is not percent-encoded UTF-8', { cause });
  }
}
