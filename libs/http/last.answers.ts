import type { NextFunction, Request, Response } from 'express';
import type { Draining } from './draining.js';

/**
 * Once a stop is announced, every answer tells that it is the last on its connection (`Connection: close`), those that
 * were under way included: a client or balancer then connects anew, elsewhere as soon as it has seen that this node is
 * not ready, instead of sending its next call into a connection that is being closed; and nothing idle is left that the
 * stop would wait for.
 */
export function lastAnswers(draining: Draining) {
  const open = new Set<Response>();
  draining.announced.addEventListener('abort', () => {
    for (const response of open) response.shouldKeepAlive = false;
  });
  return (_request: Request, response: Response, next: NextFunction): void => {
    if (draining.announced.aborted) response.shouldKeepAlive = false;
    open.add(response);
    response.on('close', () => {
      open.delete(response);
    });
    next();
  };
}
