import fc from 'fast-check';
import { randomInt } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster, type TestNode } from '../cluster/index.js';
import { complaintAbout, methodsOf, operations, type AnswerToJudge, type Operation } from './fuzz/api.document.js';
import { Harvest } from './fuzz/harvest.js';
import { edgesOf, requestsTo, type Request } from './fuzz/requests.js';
import { Sender } from './fuzz/sender.js';

/** FUZZ_SEED makes the requests of a run again. */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
/** FUZZ_EACH: so many right bodies (queries, where there is no body) are sent to each route, and so many wrong ones. */
const EACH = Number(process.env['FUZZ_EACH'] ?? 80);
/** Only ends what hangs. */
const TIMEOUT_MS = 60_000 + 500 * EACH;
/** So many clients, each of which sends so many requests together: they are to meet each other. */
const CLIENTS = 6;
const TOGETHER = 10;

/** Small bounds, so that they are met. */
const env = { QUEUE_MAX_LENGTH: '300', QUEUE_MAX_IN_FLIGHT: '50', QUEUE_MAX_SCHEDULES: '20', QUEUE_MAX_DEAD: '100' };
const byId = new Map(operations.map((operation) => [operation.id, operation]));
const harvest = new Harvest();
const counts = new Map(operations.map(({ id }) => [id, { right: 0, wrong: 0, unsaid: 0 }]));
const outcomes = new Map<string, number>();

let cluster: TestCluster;
let node: TestNode;
let sender: Sender;
beforeAll(async () => {
  console.log(`fuzz: FUZZ_SEED=${SEED}`);
  cluster = await startCluster({ nodes: 1, env });
  node = cluster.node(1);
  sender = new Sender(node.port);
  return async () => {
    sender.close();
    await cluster.stop();
  };
});

it('every bound of every field is where the OpenAPI document says', async () => {
  const requests = operations.flatMap((operation) => edgesOf(operation, SEED));
  // How many there are depends on the bodies that the seed makes; each operation that takes one has some.
  const met = new Set(requests.map(({ operation }) => operation));
  expect(operations.filter(({ id, body }) => body && !met.has(id)).map(({ id }) => id)).toEqual([]);
  while (requests.length > 0) await Promise.all(requests.splice(0, CLIENTS * TOGETHER).map(judge));
});

it(
  'whatever is sent, the answer is one that the OpenAPI document declares for it',
  async () => {
    const { pid } = node;
    const weighted = operations.map((operation) => ({ weight: weightOf(operation), arbitrary: requestsTo(operation) }));
    const some = fc.array(fc.oneof(...weighted), { minLength: TOGETHER, maxLength: TOGETHER });
    const property = fc.asyncProperty(some, async (requests) => {
      await Promise.all(requests.map(judge));
    });
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let seed = SEED + client; operations.some(isOwed); seed += CLIENTS)
        await fc.assert(property, { numRuns: 50, endOnFailure: true, seed });
    });
    await Promise.all(clients);
    console.log(`fuzz, right, wrong and unsaid by the schema:\n${told()}`);
    console.log('fuzz: answers', ...[...outcomes].sort());

    expect(node.pid).toBe(pid);
    expect((await node.get('/health')).status).toBe(200);
    expect(node.log().filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  },
  TIMEOUT_MS,
);

/** How often an operation is called, so that all have had their number at about the same time. */
function weightOf({ body, query }: Operation): number {
  if (body) return 8;
  if (!query) return 2;
  // Of most cursors the schema cannot say whether they are right.
  return 'cursor' in (query['properties'] as object) ? 18 : 6;
}

/** Whether an operation has not had as many as it is to have: a tenth where there are no fields to be right or wrong. */
function isOwed({ id, body, query }: Operation): boolean {
  const { right = 0, wrong = 0 } = counts.get(id) ?? {};
  return Math.min(right, wrong) < (body || query ? EACH : EACH / 10);
}

/** A line for each operation. */
function told(): string {
  return [...counts].map(([id, { right, wrong, unsaid }]) => `  ${id}: ${right}, ${wrong}, ${unsaid}`).join('\n');
}

async function judge(made: Request): Promise<void> {
  const operation = byId.get(made.operation);
  if (!operation) throw new Error(`There is no ${made.operation}`);
  const request = harvest.filled(made);
  const answer = await sender.send(request);
  harvest.keep(request, answer);
  const count = counts.get(operation.id);
  if (count) count[kindOf(request)] += 1;
  const outcome = `${answer.status}${/^\{"ok":false,"reason":"\w+"/.exec(answer.text)?.[0].slice(20) ?? ''}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const verdict = verdictOn(operation, request, answer);
  if (verdict === undefined) return;
  const told = [
    operation.id,
    request.target,
    String(request.text).slice(0, 2000),
    answer.status,
    answer.text.slice(0, 2000),
  ];
  throw new Error(`${verdict}\n${told.join('\n')}`);
}

function kindOf({ expected }: Request): 'right' | 'wrong' | 'unsaid' {
  if (expected === 'either') return 'unsaid';
  return expected === 'accepted' ? 'right' : 'wrong';
}

/** @returns what is wrong with an answer */
function verdictOn(operation: Operation, { expected }: Request, answer: AnswerToJudge): string | undefined {
  const { status, headers } = answer;
  const complaint = complaintAbout(operation, answer);
  if (complaint !== undefined) return complaint;
  // The node may always say that it cannot just now; that it does so rightly is for other tests.
  if (status === 503 || expected === 'either') return undefined;
  if (status === 405 && headers['allow'] !== methodsOf(operation.path).join(', ')) return 'Allow names other methods';
  const fits = typeof expected === 'number' ? status === expected : (status === 400) === (expected === 'refused');
  return fits ? undefined : `expected ${expected}`;
}
