import type { Counter, Gauge } from 'prom-client';

/** Gives a gauge its value when the metrics are read: a state is looked at, not followed. `true` is 1. */
export function whenRead(gauge: Gauge, look: () => number | boolean): void {
  Object.assign(gauge, {
    collect: () => {
      gauge.set(Number(look()));
    },
  });
}

/**
 * Brings a counter up to what was counted elsewhere when the metrics are read, for what happens so often that telling
 * of each would cost more than it.
 * @param label the one by which `totals` are told apart
 */
export function countedElsewhere<Label extends string>(
  counter: Counter<Label>,
  label: Label,
  totals: () => Readonly<Record<string, number>>,
): void {
  const told: Record<string, number> = {};
  Object.assign(counter, {
    collect: () => {
      for (const [value, total] of Object.entries(totals())) {
        counter.labels({ [label]: value } as Record<Label, string>).inc(total - (told[value] ?? 0));
        told[value] = total;
      }
    },
  });
}
