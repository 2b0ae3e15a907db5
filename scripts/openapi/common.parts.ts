import type { Schema } from '#lib/http';

/** What all operations share: headers, problems, credentials, and the words about them. */

export const introduction = `Locks, queues and a coherent cache over plain REST.

- An outcome of the domain is 200 with \`ok: true\`, or \`ok: false\` and a \`reason\`. A request that is wrong, or that could
  not be served, is a problem document (RFC 9457), never a 200.
- Any path can also be answered 404 (there is no such route) and 405 (it is called with another method, which \`Allow\`
  names); both are among the responses of this document.
- Every GET can also be called as HEAD. Unknown, repeated or array query parameters are 400, except on health, metrics
  and docs; POST takes none. Unknown fields are 400. Nesting of a body's JSON values is at most 100 deep.
- Durations are integers in milliseconds and end in \`Ms\`; times are integer milliseconds since 1970 and end in \`At\`.
- Bodies are at most \`MAX_BODY_BYTES\` (1 MiB unless configured).
- Fields may be added to answers; none is renamed or removed.
- Where tokens are configured, every call but \`/health*\` needs one; else all calls are open.`;

const text = { type: 'string' };

export const headers: Readonly<Record<string, Schema>> = {
  'X-Node': { description: 'The node that answered.', schema: text },
  'X-Request-Id': {
    description: 'The caller’s, if it sent one of 1 to 128 visible ASCII characters.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
  },
  'X-Cache': {
    description: 'Whether the answer came from the memory of this node; of several keys: of all of them.',
    schema: { type: 'string', enum: ['hit', 'miss'] },
  },
  'X-Cache-Version': { description: 'The version of the line; 0: absent.', schema: { type: 'integer', minimum: 0 } },
  'Retry-After': { description: 'When to ask again, in seconds.', schema: { type: 'integer', minimum: 1 } },
  Allow: { description: 'The methods that this path can be called with.', schema: text },
  'WWW-Authenticate': { description: 'What is asked for (RFC 6750).', schema: text },
};

/** What every answer carries. */
export const everywhere = ['X-Node', 'X-Request-Id'];

export function headerRefs(names: readonly string[]): Schema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

interface ProblemKind {
  readonly name: string;
  readonly description: string;
  readonly headers: readonly string[];
}

/** By status. */
const problems: Readonly<Record<number, ProblemKind>> = {
  400: {
    name: 'BadRequest',
    description:
      'Malformed JSON or query; a field that is missing, unknown, ill-typed, out of range or does not apply.',
    headers: [],
  },
  401: { name: 'Unauthorized', description: 'No token, or one that is not known.', headers: ['WWW-Authenticate'] },
  403: { name: 'Forbidden', description: 'The token lacks the scope.', headers: ['WWW-Authenticate'] },
  404: { name: 'NotFound', description: 'There is no such route.', headers: [] },
  405: { name: 'MethodNotAllowed', description: 'The route is called with another method.', headers: ['Allow'] },
  413: {
    name: 'ContentTooLarge',
    description: 'The body, or the values that were asked for, are larger than is served.',
    headers: [],
  },
  415: { name: 'UnsupportedMediaType', description: 'The body is not JSON in UTF-8.', headers: [] },
  429: {
    name: 'TooManyRequests',
    description: 'More calls by this caller than this node takes (`RATE_LIMIT_PER_S`).',
    headers: ['Retry-After'],
  },
  503: {
    name: 'ServiceUnavailable',
    description:
      'Redis cannot be reached, the node stops, or it has as much to do as it takes. To a call that changes something, ' +
      '`mayHaveTakenEffect` says whether it may have happened.',
    headers: ['Retry-After'],
  },
};

export function problemRefs(statuses: readonly number[]): Schema {
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${problems[status]?.name ?? ''}` }]),
  );
}

export function problemResponses(): Schema {
  return Object.fromEntries(
    Object.values(problems).map(({ name, description, headers: more }) => [
      name,
      {
        description,
        headers: headerRefs([...everywhere, ...more]),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

export const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of `API_TOKENS_FILE`, with scopes `lock`, `queue`, `cache`, `admin`, `read`. Each operation names the ' +
      'scopes of which it needs one; none named: any token will do.',
  },
};

export const tags = [
  { name: 'locks', description: 'Exclusive and shared locks with leases, fencing tokens and fair waiting.' },
  { name: 'queues', description: 'Queues with priorities, delays, receipts, dead letters and schedules.' },
  { name: 'cache', description: 'A cache whose reads and writes are linearizable across all nodes.' },
  { name: 'node', description: 'Health, metrics, the nodes of the cluster, and this document.' },
];
