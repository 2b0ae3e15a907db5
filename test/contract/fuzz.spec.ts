import fc from 'fast-check';
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster, type TestNode } from '../cluster/index.js';
import { complaintAbout, methodsOf, operations, type AnswerToJudge, type Operation } from './fuzz/api.document.js';
import { requestsTo, type Request } from './fuzz/requests.js';
import { Sender } from './fuzz/sender.js';

/** FUZZ_SEED repeats a run, FUZZ_MS lengthens it (`npm run fuzz`). */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const BUDGET_MS = Number(process.env['FUZZ_MS'] ?? 20_000);
/** Vitest runs so many tests beside each other. */
const AT_ONCE = 5;
const FEWEST = 20;
/** Requests that are under way together, so that they also meet each other. */
const TOGETHER = 20;
/** Routes without fields are soon known. */
const shareOf = ({ body, query }: Operation) => (body ? 4 : query ? 3 : 1);
const allShares = operations.reduce((sum, operation) => sum + shareOf(operation), 0);

let cluster: TestCluster;
let node: TestNode;
let sender: Sender;
let pid: number;
const sent = new Map<string, Map<number, number>>();

beforeAll(async () => {
  console.log(`fuzz: FUZZ_SEED=${SEED}`);
  const bounds = {
    QUEUE_MAX_LENGTH: '300',
    QUEUE_MAX_IN_FLIGHT: '50',
    QUEUE_MAX_SCHEDULES: '20',
    QUEUE_MAX_DEAD: '100',
  };
  cluster = await startCluster({ nodes: 1, env: bounds });
  node = cluster.node(1);
  pid = node.pid;
  sender = new Sender(node.port);
});

afterAll(async () => {
  sender.close();
  await cluster.stop();
  console.log([...sent].map(([id, counts]) => `${id} ${JSON.stringify([...counts])}`).join('\n'));
  const statuses = [...sent.values()].flatMap((counts) => [...counts]);
  const byStatus: Record<number, number> = {};
  for (const [status, count] of statuses) byStatus[status] = (byStatus[status] ?? 0) + count;
  console.log(`fuzz: ${operations.length} operations answered`, byStatus);
});

describe('every request that a schema describes, and every other one', () => {
  it.concurrent.each(operations.map((operation) => [operation.id, operation] as const))(
    '%s',
    async (_, operation) => {
      const some = fc.array(requestsTo(operation), { minLength: 1, maxLength: TOGETHER, size: 'max' });
      const property = fc.asyncProperty(some, async (requests) => {
        await Promise.all(requests.map((request) => judge(operation, request)));
      });
      await fc.assert(property, {
        seed: SEED,
        numRuns: 1_000_000,
        interruptAfterTimeLimit: (BUDGET_MS * AT_ONCE * shareOf(operation)) / allShares,
      });
      const total = [...(sent.get(operation.id)?.values() ?? [])].reduce((sum, one) => sum + one, 0);
      expect(total).toBeGreaterThan(FEWEST);
    },
    BUDGET_MS + 60_000,
  );
});

it('leaves the node as it was', async () => {
  expect(node.pid).toBe(pid);
  expect((await node.get('/health')).status).toBe(200);
  expect(node.log().filter((line) => line.includes('"level":50') || line.includes('"level":60'))).toEqual([]);
});

async function judge(operation: Operation, request: Request): Promise<void> {
  const answer = await sender.send(request);
  count(operation, answer);
  const verdict = verdictOn(operation, request, answer);
  if (verdict !== undefined) throw new Error(verdict);
}

/** @returns what is wrong with an answer */
function verdictOn(operation: Operation, request: Request, answer: AnswerToJudge): string | undefined {
  const { status, headers, text } = answer;
  const told = `${status} ${text.slice(0, 500)}`;
  const complaint = complaintAbout(operation, answer);
  if (complaint !== undefined) return `${told}: ${complaint}`;
  const { expected } = request;
  // The node may always say that it cannot just now; that it does so rightly is for other tests.
  if (status === 503 || expected === 'either') return undefined;
  if (status === 405 && headers['allow'] !== methodsOf(operation.path).join(', '))
    return `Allow: ${String(headers['allow'])}`;
  const fits = typeof expected === 'number' ? status === expected : (status === 400) === (expected === 'refused');
  return fits ? undefined : `expected ${expected}, got ${told}`;
}

function count({ id }: Operation, { status }: AnswerToJudge): void {
  const counts = sent.get(id) ?? new Map<number, number>();
  sent.set(id, counts.set(status, (counts.get(status) ?? 0) + 1));
}
