/** A time from one moment to another, ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The same times as spans that do not meet, in order. */
function union(spans: readonly Span[]): Span[] {
  const joined: { from: number; to: number }[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else if (from < to) joined.push({ from, to });
  }
  return joined;
}

/** What of the one is not in the other, in order. */
export function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  const taken = union(others);
  return union(spans).flatMap(({ from, to }) => {
    const left: Span[] = [];
    let at = from;
    for (const other of taken) {
      if (other.to <= at || other.from >= to) continue;
      if (other.from > at) left.push({ from: at, to: other.from });
      at = other.to;
    }
    if (at < to) left.push({ from: at, to });
    return left;
  });
}
