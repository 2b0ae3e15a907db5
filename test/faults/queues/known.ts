/** A build of a node with a fault, and the rule that must catch it. */
export interface KnownFault {
  readonly name: string;
  /** Beside test/faults/known; a node loads it by `NODE_OPTIONS=--import=..`. */
  readonly file: string;
  readonly rule: string;
}

/** A fault for each promise: a judge that lets one through is none. */
export const knownQueueFaults: readonly KnownFault[] = [
  { name: 'acknowledged pushes are dropped', file: 'queue-dropped-push.mjs', rule: 'delivered' },
  { name: 'acknowledgements do nothing', file: 'queue-idle-acknowledgement.mjs', rule: 'acknowledged is over' },
  { name: 'automatic pops leave the message', file: 'queue-kept-items.mjs', rule: 'once' },
  { name: 'visibility is cut short', file: 'queue-short-visibility.mjs', rule: 'visibility' },
  { name: 'redelivery is late', file: 'queue-late-redelivery.mjs', rule: 'redelivered in time' },
  { name: 'the last comes first', file: 'queue-last-first.mjs', rule: 'order' },
  { name: 'repeated pushes are not remembered', file: 'queue-forgetful-push.mjs', rule: 'no doubles' },
  { name: 'waiting pops are not woken', file: 'queue-deaf-waiting.mjs', rule: 'answered in time' },
];
