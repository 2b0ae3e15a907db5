import type { KnownFault } from '../known.fault.js';

/** A fault for each promise: a judge that lets one through is none. */
export const knownQueueFaults: readonly KnownFault[] = [
  { name: 'acknowledged pushes are dropped', files: ['queue-dropped-push.mjs'], service: 'queues', rule: 'delivered' },
  {
    name: 'acknowledgements do nothing',
    files: ['queue-idle-acknowledgement.mjs'],
    service: 'queues',
    rule: 'acknowledged is over',
  },
  { name: 'automatic pops leave the message', files: ['queue-kept-items.mjs'], service: 'queues', rule: 'once' },
  { name: 'visibility is cut short', files: ['queue-short-visibility.mjs'], service: 'queues', rule: 'visibility' },
  { name: 'redelivery is late', files: ['queue-late-redelivery.mjs'], service: 'queues', rule: 'redelivered in time' },
  { name: 'the last comes first', files: ['queue-last-first.mjs'], service: 'queues', rule: 'order' },
  {
    name: 'repeated pushes are not remembered',
    files: ['queue-forgetful-push.mjs'],
    service: 'queues',
    rule: 'no doubles',
  },
  {
    name: 'waiting pops are not woken',
    files: ['queue-deaf-waiting.mjs'],
    service: 'queues',
    rule: 'answered in time',
  },
];
