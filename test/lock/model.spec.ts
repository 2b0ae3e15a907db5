import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { startRedis, type TestRedis } from '../cluster/index.js';
import { story } from './model/lock.actions.js';
import { LockDuel } from './model/lock.duel.js';
import { ScriptedLocks } from './scripted.lock.js';

const SEED = Number(process.env['SEED'] ?? 20_260_801);
const RUNS = Number(process.env['RUNS'] ?? 400);

describe('the scripts of a lock', () => {
  let redis: TestRedis;
  let locks: ScriptedLocks;
  beforeAll(async () => {
    redis = await startRedis();
    locks = await ScriptedLocks.open(redis.url, 'model');
  });
  afterAll(async () => {
    locks.close();
    await redis.stop();
  });

  it(
    'answer and change the lock as the model does, whatever happens in whatever order',
    { timeout: 3_600_000 },
    async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(story, async (actions) => {
          run += 1;
          const duel = new LockDuel(locks, `lock ${run}`);
          for (const one of actions) await duel.run(one);
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: false },
      );
    },
  );
});
