import type { Scope } from './moves.js';

const write = (json: string) => ({ kind: 'write', json }) as const;
const remove = { kind: 'delete' } as const;
const one = { processes: 2, changes: [write('1')], grants: 2, net: 4 } as const;
const two = { processes: 2, changes: [write('1'), write('2')], grants: 4, net: 3 } as const;

/** What can go wrong together, and how much of it. In words for a reader, in numbers for the search. */
export type NamedScope = readonly [name: string, scope: Scope];

/** Small enough for every test run; each still reaches every state of its kind of trouble. */
export const everyRun: readonly NamedScope[] = [
  ['two nodes write and read, and share fills', { ...two, join: true }],
  ['one writes, one deletes', { ...two, changes: [write('1'), remove] }],
  ['of two conditions one fails', { ...two, changes: [write('1'), { ...write('2'), ifVersion: 1 }] }],
  [
    'three writes to a line that is too hot to be cached',
    { ...one, changes: [write('1'), write('2'), write('3')], grants: 5, net: 2, hot: 1 },
  ],
  ['three nodes', { ...one, processes: 3, grants: 4 }],
  ['callers give up, copies are evicted', { ...two, net: 2, giveUp: true, evict: true }],
  [
    'messages are lost, a lease ends, a node dies',
    { ...one, grants: 3, net: 3, lease: true, join: true, loss: true, kill: true, oneSided: true },
  ],
  [
    'Redis restarts with all, some or nothing lost; nodes learn of it or start anew',
    { ...one, restart: 'anything', reboot: true },
  ],
  ['the same while a lease ends', { ...one, net: 3, lease: true, restart: 'anything', reboot: true, oneSided: true }],
  [
    'Redis restarts, nothing is lost, nobody holds back',
    { ...one, net: 3, lease: true, restart: 'nothing', oneSided: true, without: ['gate'] },
  ],
];

/** For a long search now and then. */
export const deep: readonly NamedScope[] = [
  ['three nodes, two writes', { ...two, processes: 3 }],
  ['both leases end at any time', { ...one, grants: 3, net: 3, lease: true }],
  ['callers give up, copies are evicted, more under way', { ...two, net: 4, giveUp: true, evict: true }],
  [
    'messages are lost, leases end, nodes die on both sides',
    { ...one, net: 3, lease: true, join: true, loss: true, kill: true },
  ],
  [
    'Redis restarts with all, some or nothing lost, more under way',
    { ...one, grants: 3, restart: 'anything', reboot: true },
  ],
  ['the same with two writes', { ...two, grants: 3, restart: 'anything', reboot: true }],
  [
    'Redis restarts with all, some or nothing lost while both leases end',
    { ...one, net: 3, lease: true, restart: 'anything', reboot: true },
  ],
];
