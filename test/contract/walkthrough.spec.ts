import { beforeAll, describe, expect, it } from 'vitest';
import { eventually, startCluster, type TestCluster } from '../cluster/index.js';
import { contains, perform, readSteps, title } from './walkthrough.js';

describe('containing', () => {
  it.each([
    [{ ok: true, token: 7 }, { ok: true }],
    [{ value: { state: 'M', value: 25 } }, { value: { value: 25 } }],
    [{ list: [{ id: 1, more: 2 }] }, { list: [{ id: 1 }] }],
    [null, null],
  ])('%j contains %j', (actual, expected) => {
    expect(contains(actual, expected)).toBe(true);
  });

  it.each([
    [{ ok: true }, { ok: false }],
    [{ ok: true }, { ok: true, reason: 'locked' }],
    [{ list: [1, 2] }, { list: [1] }],
    [{ list: [] }, { list: {} }],
    [null, {}],
    [{ 1: 'a' }, ['a']],
  ])('%j does not contain %j', (actual, expected) => {
    expect(contains(actual, expected)).toBe(false);
  });
});

describe('the walkthrough on three nodes', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, env: { ACTIVITY_LOG_MS: '100' } });
    return () => cluster.stop();
  });

  const node = (id: string) => cluster.node(Number(id.replace('node', '')));

  for (const [index, step] of readSteps().entries()) {
    it(`${index + 1}. ${title(step)}`, async () => {
      const done = await perform(step, {
        addresses: cluster.nodes.map(({ url }) => url),
        stop: async (id) => {
          expect(await node(id).stop()).toEqual({ code: 0, signal: null });
        },
        start: (id) => node(id).start(),
      });
      expect(done).toBe(true);
    });
  }

  it('the log of node1 shows locks acquired, queue pushes and pops, and cache activity', async () => {
    const activity = () =>
      cluster
        .node(1)
        .log()
        .filter((line) => line.includes('"context":"Activity"'))
        .map((line) => JSON.parse(line) as Record<string, number>)
        .at(-1);
    await eventually(
      () => {
        const { locksAcquired, queuePushes, queuePops, cacheWrites } = activity() ?? {};
        return locksAcquired === 1 && queuePushes === 1 && queuePops === 1 && cacheWrites === 2;
      },
      { what: 'the activity of the walkthrough in the log' },
    );
  });
});
