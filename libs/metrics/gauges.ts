import type { Gauge } from 'prom-client';

/** Gives a gauge its value when the metrics are read: a state is looked at, not followed. `true` is 1. */
export function whenRead(gauge: Gauge, look: () => number | boolean): void {
  Object.assign(gauge, {
    collect: () => {
      gauge.set(Number(look()));
    },
  });
}
