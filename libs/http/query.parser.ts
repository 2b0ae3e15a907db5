import { invalidFields, Problem } from './problem.js';

/**
 * Decodes a query string: percent-encoded UTF-8, `+` as a space. A name stands at most once.
 * @throws Problem 400
 */
export function parseQuery(text: string | null | undefined): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  for (const pair of (text ?? '').split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    if (name in query) throw invalidFields([{ field: name, message: 'must be given once' }]);
    query[name] = decode(at < 0 ? '' : pair.slice(at + 1));
  }
  return query;
}

function decode(text: string): string {
  try {
    const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
    return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
  } catch (cause) {
    throw new Problem(400, 'The query is not percent-encoded UTF-8', { cause });
  }
}
