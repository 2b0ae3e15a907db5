import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { BegunRead, HistoryOfOneLine, judgeAll, record, type History } from './workload.js';

const SEED = Number(process.env['HISTORY_SEED'] ?? Date.now() % 1_000_000);
const DURATION_MS = Number(process.env['HISTORY_MS'] ?? 3000);
/** Small enough that copies are evicted all the time. */
const SMALL = { CACHE_MAX_LINES: '2', LOG_LEVEL: 'warn' };
const keys = ['a', 'b', 'c'];

/** A node with these files of `faults/known/` loaded before anything of its own. */
function built(...faults: string[]) {
  const files = faults.map((fault) => fileURLToPath(new URL(`../faults/known/cache-${fault}.mjs`, import.meta.url)));
  return { NODE_OPTIONS: files.map((file) => `--import=${file}`).join(' ') };
}

function expectLinearizable(history: History): void {
  const started = performance.now();
  const { verdict, report } = judgeAll(history);
  const judgedMs = Math.round(performance.now() - started);
  console.log(
    `seed ${history.seed}: ${history.operations} operations, ${history.unclear} unclear, ${history.hits} hits, judged in ${judgedMs} ms`,
  );
  expect(report).toBe('');
  expect(verdict).toBe('linearizable');
  expect(history.operations).toBeGreaterThan(100);
}

describe('histories over three nodes are linearizable', { timeout: 60_000 }, () => {
  it('with evictions, values that end, and messages that are lost or late', async () => {
    await using cluster = await startCluster({ nodes: 3, env: { ...SMALL, ...built('lossy-channel') } });
    const history = await record({
      nodes: cluster.nodes,
      seed: SEED,
      keys,
      signal: AbortSignal.timeout(DURATION_MS),
      lives: true,
    });
    expectLinearizable(history);
    expect(history.hits).toBeGreaterThan(20);
  });
});

describe('a known fault is caught', { timeout: 60_000 }, () => {
  it('a hit past the deadline', async () => {
    await using cluster = await startCluster({ nodes: 2, env: built('deaf', 'endless-lease') });
    const history = await readAfterPause(cluster, 'x');
    const found = history ? judgeAll(history).report : 'it refused to answer';
    expect(found).toContain('not linearizable');
    expect(found).toContain('"kind":"read"');
  });
});

it(
  'a node that was stopped for longer than its lease answers nothing old, not even at once',
  { timeout: 60_000 },
  async () => {
    await using cluster = await startCluster({ nodes: 2, env: built('deaf') });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const history = await readAfterPause(cluster, `x${attempt}`);
      if (history) expect(judgeAll(history).report).toBe('');
    }
  },
);

/**
 * A node with a copy is stopped; another writes, then the stopped one is asked and goes on.
 * @returns undefined where it refused to answer
 */
async function readAfterPause(cluster: TestCluster, key: string): Promise<History | undefined> {
  const [writer, reader] = [cluster.node(1), cluster.node(2)];
  const history = new HistoryOfOneLine(key);
  await history.write(writer, 'old');
  await eventually(async () => (await reader.get(`/cache/read?key=${key}`)).status === 200, { what: 'a copy' });
  await history.read(reader);
  const begun = await BegunRead.begin(reader, key);
  // It has read what was sent up to now.
  await reader.get('/health/live');
  reader.pause();
  await history.write(writer, 'new');
  const reading = history.finish(begun);
  reader.resume();
  try {
    await reading;
    return history.judged();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('read was answered HTTP/1.1 503')) return undefined;
    throw error;
  }
}
