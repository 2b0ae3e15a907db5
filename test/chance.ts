/** Numbers from a seed: the same seed gives the same ones in the same order (mulberry32). */
export class Chance {
  constructor(private state: number) {}

  /** @returns at least 0, less than 1 */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** @returns a whole number, at least 0, less than `limit` */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** @returns true in this part of the cases */
  happens(part: number): boolean {
    return this.next() < part;
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }
}
