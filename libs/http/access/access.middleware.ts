import type { NextFunction, Request, Response } from 'express';
import type { Settings } from '#lib/config';
import { isMetrics } from '../plain.path.js';
import { Problem } from '../problem.js';
import type { Credentials } from './credentials.service.js';
import { needOf, type Need } from './route.access.js';
import type { Credential } from './token.file.js';

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;
const REALM = 'Bearer realm="distributed-sync-system"';

const callers = new WeakMap<Request, Credential>();

/** Who sent a request, where it carried a token that is known. */
export function callerOf(request: Request): Credential | undefined {
  return callers.get(request);
}

/** Finds out who calls; what that means is decided further on. */
export function authenticate(credentials: Credentials) {
  return (request: Request, _response: Response, next: NextFunction): void => {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const caller = token === undefined ? undefined : credentials.find(token);
    if (caller) callers.set(request, caller);
    next();
  };
}

/**
 * Lets through what {@link needOf} allows this caller, before anything of the request is read.
 * @param isRoute whether there is such a path at all: what the table forgot is for administrators, not for all
 */
export function authorize(credentials: Credentials, settings: Settings, isRoute: (path: string) => boolean) {
  const refuse = (status: 401 | 403, detail: string, challenge: string): Problem => {
    credentials.events.emit('denied', status);
    return new Problem(status, detail, { headers: { 'WWW-Authenticate': `${REALM}${challenge}` } });
  };
  const needs = ({ method, path }: Request): Need => {
    if (settings.METRICS_PUBLIC && isMetrics(path)) return 'nothing';
    return needOf(method, path) ?? (isRoute(path) ? ['admin'] : 'token');
  };
  return (request: Request, _response: Response, next: NextFunction): void => {
    const need = needs(request);
    if (need === 'nothing') {
      next();
      return;
    }
    const caller = callerOf(request);
    if (!caller) {
      throw request.headers.authorization === undefined
        ? refuse(401, 'This call needs a token: send "Authorization: Bearer <token>"', '')
        : refuse(401, 'This token is not known', ', error="invalid_token"');
    }
    if (need !== 'token' && !need.some((scope) => caller.scopes.has(scope))) {
      throw refuse(
        403,
        `${request.method} ${request.path} needs a token with the scope ${need.join(' or ')}`,
        `, error="insufficient_scope", scope="${need.join(' ')}"`,
      );
    }
    next();
  };
}
