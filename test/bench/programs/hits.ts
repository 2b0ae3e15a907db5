import { performance } from 'node:perf_hooks';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { LRUCache } from 'lru-cache';
import type { Run, StartRun } from './measures.js';
import { startServices } from './services.js';

const NAMES = Array.from({ length: 100 }, (_, number) => `line number ${number}`);
const AT_ONCE = 1000;

/** Hits are too fast to look at the clock after each, so it is looked at after some. */
function synchronous(hit: (name: string) => boolean): Run {
  return async (forMs) => {
    const began = performance.now();
    let hits = 0;
    while (performance.now() - began < forMs) {
      for (let i = 0; i < AT_ONCE; i += 1) if (!hit(NAMES[i % NAMES.length] ?? '')) throw new Error('a miss');
      hits += AT_ONCE;
      // A process that does anything else lets its events in.
      if (hits % 100_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { hit: hits / ((performance.now() - began) / 1000) };
  };
}

function awaited(hit: (name: string) => Promise<boolean>): Run {
  return async (forMs) => {
    const began = performance.now();
    let hits = 0;
    while (performance.now() - began < forMs) {
      for (let i = 0; i < AT_ONCE; i += 1) if (!(await hit(NAMES[i % NAMES.length] ?? ''))) throw new Error('a miss');
      hits += AT_ONCE;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { hit: hits / ((performance.now() - began) / 1000) };
  };
}

async function filled(redisUrl: string) {
  const { cache } = await startServices(redisUrl);
  for (const [number, name] of NAMES.entries()) await cache.write(name, { number });
  return cache;
}

/** A value that is in the process's own memory is read again and again: 100 names in turn. */
export const hits: Readonly<Record<string, StartRun>> = {
  'CacheService.readFromMemory': async (url) => {
    const cache = await filled(url);
    return synchronous((name) => cache.readFromMemory(name) !== undefined);
  },
  'await CacheService.read': async (url) => {
    const cache = await filled(url);
    return awaited(async (name) => (await cache.read(name))?.hit === true);
  },
  'lru-cache': () => {
    const cache = new LRUCache<string, object>({ max: 100_000 });
    for (const [number, name] of NAMES.entries()) cache.set(name, { number });
    return synchronous((name) => cache.get(name) !== undefined);
  },
  'lru-cache and two clocks': () => {
    const cache = new LRUCache<string, object>({ max: 100_000 });
    for (const [number, name] of NAMES.entries()) cache.set(name, { number });
    const [monotonic, wall] = [performance.now() + 1e9, Date.now() + 1e9];
    return synchronous((name) => cache.get(name) !== undefined && performance.now() < monotonic && Date.now() < wall);
  },
  bentocache: async () => {
    const bento = new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(memoryDriver({})) } });
    for (const [number, name] of NAMES.entries()) await bento.set({ key: name, value: { number } });
    return awaited(async (name) => (await bento.get({ key: name })) !== undefined);
  },
};
