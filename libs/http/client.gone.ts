import type { Response } from 'express';

/** @returns aborted when the client hangs up before its answer was sent */
export function clientGone(response: Response): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
