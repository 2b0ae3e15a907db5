/** Several measurements of one thing: their median and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly values: readonly number[];
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), values };
}

/** The middle one; the mean of the two in the middle where the number is even. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** The least value that this part of all is not above (nearest rank). NaN of nothing. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * part) - 1, 0)] ?? NaN;
}

/** What is told of latencies. @param of what they are of, where a round measures several */
export function latencies(values: readonly number[], of = ''): Record<string, number> {
  const suffix = of === '' ? '' : `, ${of}`;
  return { [`p50${suffix}`]: percentile(values, 0.5), [`p99${suffix}`]: percentile(values, 0.99) };
}
