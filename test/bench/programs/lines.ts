import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { latencies } from '../statistics.js';
import type { StartRun } from './measures.js';
import { startServices } from './services.js';

const KEY = 'shared line';
const READS_AT_ONCE = 100;

/** One call at a time. @returns µs of each; `prepare` is not counted */
async function timed(
  forMs: number,
  one: (number: number) => Promise<boolean>,
  prepare: (number: number) => Promise<void> = () => Promise.resolve(),
): Promise<number[]> {
  const delays: number[] = [];
  const began = performance.now();
  for (let number = 0; performance.now() - began < forMs; number += 1) {
    await prepare(number);
    const sent = performance.now();
    const right = await one(number);
    delays.push((performance.now() - sent) * 1000);
    if (!right) throw new Error(`call ${number} was answered wrong`);
  }
  return delays;
}

const sharedBy = (sharers: number) => `write, ${sharers} ${sharers === 1 ? 'sharer' : 'sharers'}`;

/** The latency of a line of the cache by how many other nodes have it. @param ports of two nodes that share lines */
export const lines: Readonly<Record<string, StartRun>> = {
  'CacheService among three nodes': async (url, ports) => {
    const { cache } = await startServices(url);
    const readBy = async (port: string, number: number) => {
      const answer = await fetch(`http://127.0.0.1:${port}/cache/read?key=${encodeURIComponent(KEY)}`);
      const { value } = (await answer.json()) as { value: { value: unknown } | null };
      if (value?.value !== number) throw new Error(`a node read ${JSON.stringify(value)} after ${number} was written`);
    };
    const writeBy = async (port: string, number: number) => {
      const answer = await fetch(`http://127.0.0.1:${port}/cache/write`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key: KEY, value: number }),
      });
      if (!((await answer.json()) as { ok: boolean }).ok) throw new Error(`${number} was not written`);
    };
    return async (forMs) => {
      const sample: Record<string, number> = {};
      for (let sharers = 0; sharers <= ports.length; sharers += 1) {
        await cache.write(KEY, -1);
        const delays = await timed(
          forMs,
          async (number) => (await cache.write(KEY, number)).ok,
          async (number) => {
            await Promise.all(ports.slice(0, sharers).map((port) => readBy(port, number - 1)));
          },
        );
        Object.assign(sample, latencies(delays, sharedBy(sharers)));
      }
      // A write that went through a round may be answered without leaving a copy here; the next read that asks has one.
      for (let tries = 0; (await cache.read(KEY))?.hit !== true; tries += 1) {
        if (tries === 100) throw new Error('a line that was read a hundred times is not in memory');
      }
      const hundred = await timed(forMs, async () => {
        let hits = 0;
        for (let i = 0; i < READS_AT_ONCE; i += 1) if ((await cache.read(KEY))?.hit === true) hits += 1;
        return hits === READS_AT_ONCE;
      });
      // A hit is too fast to look at the clock before and after each.
      const hit = hundred.map((microseconds) => microseconds / READS_AT_ONCE);
      const miss = await timed(
        forMs,
        async (number) => {
          const reading = await cache.read(KEY);
          return reading?.hit === false && reading.value === number;
        },
        (number) => writeBy(ports[0] ?? '', number),
      );
      return { ...sample, ...latencies(hit, 'read, hit'), ...latencies(miss, 'read, miss') };
    };
  },
  'Redis SET and GET': (url) => {
    const redis = new Redis(url);
    return async (forMs) => {
      const sample: Record<string, number> = {};
      for (const sharers of [0, 1, 2]) {
        const set = await timed(forMs, async (number) => (await redis.call('SET', KEY, number)) === 'OK');
        Object.assign(sample, latencies(set, sharedBy(sharers)));
      }
      await redis.set(KEY, 'value');
      for (const read of ['read, hit', 'read, miss']) {
        const got = await timed(forMs, async () => (await redis.get(KEY)) === 'value');
        Object.assign(sample, latencies(got, read));
      }
      return sample;
    };
  },
};
