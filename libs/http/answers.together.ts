import type { ServerResponse } from 'node:http';

/**
 * Ends the answers of one turn of the event loop together, when all requests that have come are read. An answer that is
 * written in the middle of reading wakes its client, which costs the turn twice its time under load. A request that is
 * alone is answered at once.
 *
 * The end is put off as a whole: Node writes what a connection holds back (`cork`) whenever a response ends.
 * @param responses what all responses inherit from, as Express has it
 * @param underWay how many requests the node has at this moment
 */
export function writeAnswersTogether(responses: ServerResponse, underWay: () => number): void {
  let held: (() => void)[] = [];
  const write = (): void => {
    const ends = held;
    held = [];
    for (const end of ends) end();
  };
  const { end } = responses as { end: (this: ServerResponse, ...args: unknown[]) => ServerResponse };
  responses.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    if (underWay() <= 1) return end.apply(this, args);
    if (held.length === 0) setImmediate(write);
    held.push(() => end.apply(this, args));
    return this;
  } as typeof responses.end;
}
