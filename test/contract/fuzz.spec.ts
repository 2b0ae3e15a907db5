import fc from 'fast-check';
import { randomInt } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster, type TestNode } from '../cluster/index.js';
import { complaintAbout, methodsOf, operations, type AnswerToJudge, type Operation } from './fuzz/api.document.js';
import { Harvest } from './fuzz/harvest.js';
import { edgesOf, requestsTo, type Request } from './fuzz/requests.js';
import { Sender } from './fuzz/sender.js';

/** FUZZ_SEED makes the requests of a run again; FUZZ_MS is for how long (`npm run fuzz`: five minutes). */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const BUDGET_MS = Number(process.env['FUZZ_MS'] ?? 16_000);
/** So many clients, each of which sends so many requests together: they are to meet each other. */
const CLIENTS = 6;
const TOGETHER = 10;

/** Small bounds, so that they are met. */
const env = { QUEUE_MAX_LENGTH: '300', QUEUE_MAX_IN_FLIGHT: '50', QUEUE_MAX_SCHEDULES: '20', QUEUE_MAX_DEAD: '100' };
const byId = new Map(operations.map((operation) => [operation.id, operation]));
const harvest = new Harvest();
const counts = new Map<string, number>();
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
    // Routes without fields are soon known.
    const weighted = operations.map((operation) => ({
      weight: operation.body ? 8 : operation.query ? 6 : 2,
      arbitrary: requestsTo(operation),
    }));
    const some = fc.array(fc.oneof(...weighted), { minLength: TOGETHER, maxLength: TOGETHER });
    const property = fc.asyncProperty(some, async (requests) => {
      await Promise.all(requests.map(judge));
    });
    const run = { numRuns: 1e9, interruptAfterTimeLimit: BUDGET_MS, endOnFailure: true };
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      await fc.assert(property, { ...run, seed: SEED + client });
    });
    await Promise.all(clients);
    console.log(
      `fuzz: ${[...counts.values()].reduce((sum, count) => sum + count, 0)} requests`,
      ...[...outcomes].sort(),
    );

    for (const { id } of operations) expect(counts.get(id) ?? 0, id).toBeGreaterThan(0);
    expect(node.pid).toBe(pid);
    expect((await node.get('/health')).status).toBe(200);
    expect(node.log().filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  },
  BUDGET_MS + 60_000,
);

async function judge(made: Request): Promise<void> {
  const operation = byId.get(made.operation);
  if (!operation) throw new Error(`There is no ${made.operation}`);
  const request = harvest.filled(made);
  const answer = await sender.send(request);
  harvest.keep(request, answer);
  counts.set(operation.id, (counts.get(operation.id) ?? 0) + 1);
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
