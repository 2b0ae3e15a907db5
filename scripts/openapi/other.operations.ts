/** What the code of this project does not say by itself: the routes of libraries, and answers beside the usual. */

interface Beside {
  /** Instead of the handler's comment. */
  readonly summary?: string;
  readonly description: string;
  readonly content?: Readonly<Record<string, unknown>>;
  readonly also?: Readonly<Record<number, string>>;
  readonly problems?: readonly number[];
}

const probe = { description: 'All is well.', also: { 503: 'Something is not; the answer says what.' } };

/** Of routes that Nest has. */
export const librarysRoutes: Readonly<Record<string, Beside>> = {
  'GET /metrics': {
    summary: 'Metrics of this node as Prometheus text.',
    description: 'The metrics.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  },
  'GET /health': probe,
  'GET /health/live': probe,
  'GET /health/ready': probe,
  'GET /health/startup': probe,
  'GET /docs/:file': { description: 'The file.', problems: [404] },
  'GET /lock/watch': { description: 'Events; `x-event-data` is the schema of their `data`.' },
};

/** Of routes that a library adds to Express itself. */
export const operationsBeside: Readonly<Record<string, Beside>> = {
  'GET /admin/queues': {
    summary: 'Pages of bull-board that show queues and their messages, read-only.',
    description: 'The page.',
    content: { 'text/html': { schema: { type: 'string' } } },
  },
};
