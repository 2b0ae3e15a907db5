import type { Violation } from '../round.js';
import { evidenceOf, type Record, type Rule } from './evidence.js';
import { acknowledgedIsOver, delivered, once } from './rules/delivery.js';
import { counts, drained, expectedAnswers, identity, repetition } from './rules/identity.js';
import { order } from './rules/order.js';
import { redeliveredInTime } from './rules/redelivery.js';
import { receipts, visibility } from './rules/visibility.js';
import { inTime, readyIsGiven } from './rules/waiting.js';

/** A broken rule is broken many times: so many of each function are told. */
const MAX_VIOLATIONS = 3;

const rules: readonly Rule[] = [
  expectedAnswers,
  delivered,
  acknowledgedIsOver,
  once,
  visibility,
  receipts,
  redeliveredInTime,
  order,
  identity,
  repetition,
  inTime,
  readyIsGiven,
  counts,
  drained,
];

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly figures: Readonly<globalThis.Record<string, number>>;
}

/** Holds what clients saw against what libs/queue and the contract promise. Sound: what it tells cannot have been right. */
export function judge(record: Record): Verdict {
  const evidence = evidenceOf(record);
  const violations = rules.flatMap((rule) => [...first(rule(evidence), MAX_VIOLATIONS)]);
  return { violations, figures: Object.fromEntries(evidence.figures) };
}

function* first<Item>(items: Iterable<Item>, count: number): Iterable<Item> {
  let left = count;
  for (const item of items) {
    yield item;
    left -= 1;
    if (left === 0) return;
  }
}
