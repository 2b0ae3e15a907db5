import { LRUCache } from 'lru-cache';
import { afterAll, bench, describe } from 'vitest';
import { CacheProcess } from '../../libs/cache/cache.fixture.js';
import { startRedis } from '../cluster/index.js';

const names = Array.from({ length: 100 }, (_, i) => `line number ${i}`);
const values = names.map((name) => ({ name, number: 1, list: [1, 2, 3] }));
const alone = new LRUCache<string, object>({ max: 100_000 });
const redis = await startRedis();
const node = await new CacheProcess(redis.url, 'node1', 'bench').ready();
for (const [index, name] of names.entries()) {
  alone.set(name, values[index] ?? {});
  await node.cache.write(name, values[index]);
}

/** `npx vitest bench test/bench`: reads from memory in-process, beside what lru-cache alone does. 100 reads each time. */
describe('100 reads from memory, in-process', () => {
  afterAll(async () => {
    await node.stop();
    await redis.stop();
  });

  bench('lru-cache: get', () => {
    for (const name of names) if (!alone.get(name)) throw new Error('a miss');
  });

  bench('CacheService: readFromMemory', () => {
    for (const name of names) if (!node.cache.readFromMemory(name)) throw new Error('a miss');
  });

  bench('CacheService: readFromMemory, and the value made anew', () => {
    for (const name of names) if (!node.cache.readFromMemory(name)?.value) throw new Error('a miss');
  });

  bench('CacheService: await read', async () => {
    for (const name of names) if ((await node.cache.read(name))?.hit !== true) throw new Error('a miss');
  });
});
