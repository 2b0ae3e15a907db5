import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../cluster/index.js';
import { judgeAll, record, type Chance, type History } from './workload.js';

const SEED = Number(process.env['HISTORY_SEED'] ?? Date.now() % 1_000_000);
const DURATION_MS = Number(process.env['HISTORY_MS'] ?? 6000);
/** Small enough that copies are evicted all the time. */
const SMALL = { CACHE_MAX_LINES: '2', LOG_LEVEL: 'warn' };
const keys = ['a', 'b', 'c'];

const built = (fault: string) => ({ NODE_OPTIONS: `--import=${fileURLToPath(new URL(`faults/${fault}.mjs`, import.meta.url))}` });

function expectLinearizable(history: History): void {
  const { verdict, report } = judgeAll(history);
  console.log(`seed ${history.seed}: ${history.operations} operations, ${history.unclear} unclear, ${history.hits} hits`);
  expect(report).toBe('');
  expect(verdict).toBe('linearizable');
  expect(history.operations).toBeGreaterThan(200);
}

describe('histories over three nodes are linearizable', { timeout: 60_000 }, () => {
  it('with evictions, values that end, and messages that are lost or late', async () => {
    await using cluster = await startCluster({ nodes: 3, env: { ...SMALL, ...built('lossy-channel') } });
    const history = await record({ cluster, seed: SEED, keys, durationMs: DURATION_MS, lives: true });
    expectLinearizable(history);
    expect(history.hits).toBeGreaterThan(20);
  });

  it('with nodes that are killed and started again', async () => {
    await using cluster = await startCluster({ nodes: 3, env: SMALL });
    const history = await record({ cluster, seed: SEED, keys, durationMs: DURATION_MS, lives: true, faults: killing(cluster) });
    expectLinearizable(history);
  });

  it('with nodes that are stopped for longer than their lease', async () => {
    await using cluster = await startCluster({ nodes: 3, env: { LOG_LEVEL: 'warn' } });
    const history = await record({ cluster, seed: SEED, keys, durationMs: DURATION_MS + 3000, faults: pausing(cluster) });
    expectLinearizable(history);
  });

  it('with a Redis that is killed and comes back whole', async () => {
    await using cluster = await startCluster({ nodes: 3, env: { LOG_LEVEL: 'error' } });
    const history = await record({ cluster, seed: SEED, keys, durationMs: DURATION_MS, lives: true, faults: restarting(cluster) });
    expectLinearizable(history);
  });
});

describe('a known fault is caught', { timeout: 90_000 }, () => {
  it('an acknowledgement before the copy is dropped', async () => {
    await using cluster = await startCluster({ nodes: 3, env: built('early-acknowledgement') });
    expect(await caught((seed) => record({ cluster, seed, keys: ['a'], durationMs: 1000 }))).toBe(true);
  });

  it('a hit past the deadline', async () => {
    await using cluster = await startCluster({ nodes: 3, env: built('endless-lease') });
    expect(await caught((seed) => record({ cluster, seed, keys: ['a', 'b'], durationMs: 8000, faults: pausing(cluster) }))).toBe(true);
  });
});

/** Whether a few histories are enough for the judge to find something. */
async function caught(histories: (seed: number) => Promise<History>): Promise<boolean> {
  for (let seed = SEED; seed < SEED + 5; seed += 1) {
    const { verdict, report } = judgeAll(await histories(seed));
    if (verdict === 'not linearizable') {
      console.log(report);
      return true;
    }
  }
  return false;
}

function killing({ nodes }: TestCluster) {
  return async (chance: Chance, signal: AbortSignal) => {
    while (!signal.aborted) {
      await pause(300 + chance.below(500));
      const node = chance.of(nodes);
      await node.kill('SIGKILL');
      await pause(chance.below(300));
      await node.start();
    }
  };
}

function pausing({ nodes }: TestCluster) {
  return async (chance: Chance, signal: AbortSignal) => {
    while (!signal.aborted) {
      const node = chance.of(nodes);
      node.pause();
      await pause(2500 + chance.below(1500));
      node.resume();
      await pause(200 + chance.below(300));
    }
  };
}

function restarting({ redis }: TestCluster) {
  return async (chance: Chance, signal: AbortSignal) => {
    while (!signal.aborted) {
      await pause(500 + chance.below(500));
      await redis.kill('SIGKILL');
      await pause(chance.below(200));
      await redis.restart();
    }
  };
}
