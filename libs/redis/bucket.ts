import { crc32 } from 'node:zlib';

/** In which of so many buckets, and so in which slot, the keys of something lie: the same in every process. */
export function bucketOf(name: string, buckets: number): number {
  return crc32(name) % buckets;
}
