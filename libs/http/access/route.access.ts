import { plainPath } from '../plain.path.js';
import type { Scope } from './token.file.js';

/** `nothing`: open to all. `token`: any token that is known. Scopes: a token that has one of them. */
export type Need = 'nothing' | 'token' | readonly [Scope, ...Scope[]];

/**
 * What each call needs; the first line that fits counts. `GET` stands for HEAD too, `*` as a method for every one, and
 * a path that ends in `/*` for all below it.
 */
const calls: readonly (readonly [call: string, need: Need])[] = [
  ['* /health', 'nothing'],
  ['* /health/*', 'nothing'],
  ['* /metrics', ['read']],
  ['* /cluster', 'token'],
  ['* /docs', 'token'],
  ['* /docs/*', 'token'],
  ['* /openapi.json', 'token'],
  ['* /admin', ['admin']],
  ['* /admin/*', ['admin']],

  ['DELETE /lock', ['admin']],
  ['GET /lock', ['read', 'lock']],
  ['GET /lock/*', ['read', 'lock']],
  ['GET /locks', ['read', 'lock']],
  ['* /lock/*', ['lock']],

  ['DELETE /queue', ['admin']],
  ['POST /queue/pause', ['admin']],
  ['POST /queue/resume', ['admin']],
  ['POST /queue/purge', ['admin']],
  ['GET /queue', ['read', 'queue']],
  ['GET /queue/*', ['read', 'queue']],
  ['GET /queues', ['read', 'queue']],
  ['* /queue/*', ['queue']],

  ['POST /cache/read-many', ['read', 'cache']],
  ['GET /cache/*', ['read', 'cache']],
  ['* /cache/*', ['cache']],
];

const rules = calls.map(([call, need]) => {
  const [method = '', path = ''] = call.split(' ');
  return { method, path: path.replace(/\*$/, ''), below: path.endsWith('/*'), need };
});

/**
 * What a call needs where tokens are asked for.
 * @param path as it was sent, without the query; compared as the router does
 * @returns undefined where no line says so
 */
export function needOf(method: string, path: string): Need | undefined {
  const called = method === 'HEAD' ? 'GET' : method;
  const plain = plainPath(path);
  return rules.find(
    (rule) =>
      (rule.method === '*' || rule.method === called) &&
      (rule.below ? plain.startsWith(rule.path) : plain === rule.path),
  )?.need;
}
