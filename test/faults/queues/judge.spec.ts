import { describe, expect, it } from 'vitest';
import { Script, attempt } from './history.fixture.js';
import { judge } from './judge.js';

type Case = readonly [what: string, script: () => Script];

/** A message that went as it should. */
const done = () => new Script().push('a', [0, 10]).pop(['a1'], [20, 30]).use('ack', 'a1', [40, 50], 'ok');
/** One whose consumer says no more. */
const held = () => new Script().push('a', [0, 10]).pop(['a1'], [20, 30]);
/** It comes again when its visibility of 500 ms has run out, and is acknowledged then. */
const again = (script: Script, at = 600) =>
  script.pop(['a2'], [at, at + 10]).use('ack', 'a2', [at + 20, at + 30], 'ok');
const settle = (script: Script, ...receipts: string[]) =>
  receipts.reduce((so, receipt) => so.use('ack', receipt, [200, 210], 'ok'), script);

const UNCLEAR = attempt([0, 5], null);

const good: readonly Case[] = [
  ['pushed, delivered, acknowledged', done],
  ['perhaps acknowledged', () => held().use('ack', 'a1', [40, 50], 'unanswered')],
  ['an automatic pop without an answer may have it', () => new Script().push('a', [0, 10]).lost('auto', [20, 30])],
  ['perhaps pushed and not delivered', () => new Script().push('a', [0, 10], {}, null)],
  ['perhaps pushed and delivered', () => new Script().push('a', [0, 10], {}, null).auto(['a'], [5, 8])],
  ['again after its visibility', () => again(held())],
  ['a late acknowledgement is stale', () => again(held().use('ack', 'a1', [550, 560], 'stale'))],
  ['again at once after it was given back', () => again(held().use('nack', 'a1', [40, 50], 'ok'), 60)],
  ['again at once where it was perhaps given back', () => again(held().use('nack', 'a1', [40, 50], 'unanswered'), 60)],
  [
    'redriven sooner than the delay with which its last delivery was given back',
    () =>
      new Script()
        .push('a', [0, 10], { maxDeliveries: 2 })
        .pop(['a2'], [20, 30])
        .use('nack', 'a2', [40, 50], 'ok', { delayMs: 300 })
        .call('redrive', {}, [attempt([60, 70], { ok: true, moved: 1 })])
        .pop(['a1'], [80, 90])
        .use('ack', 'a1', [100, 110], 'ok'),
  ],
  [
    'again sooner since an extension moved its end nearer',
    () => again(held().use('extend', 'a1', [40, 50], 'ok', { visibilityMs: 100 }), 160),
  ],
  [
    'later than a second where a pop without an answer may have had it',
    () => again(held().empty([2000, 2010]).lost('manual', [1400, 1500]), 2500),
  ],
  ['later than a second after trouble', () => again(held().empty([2000, 2010]).trouble([100, 1900]), 2500)],
  [
    'either of two that were pushed at the same time',
    () =>
      settle(
        new Script().push('a', [0, 10]).push('b', [5, 15]).pop(['b1'], [20, 30]).pop(['a1'], [40, 50]),
        'a1',
        'b1',
      ),
  ],
  [
    'overtaken while a pop on which its client hung up had it',
    () =>
      settle(
        new Script()
          .push('a', [0, 10])
          .push('b', [20, 30])
          .lost('manual', [31, 35])
          .pop(['b1'], [40, 50])
          .pop(['a1'], [60, 70]),
        'a1',
        'b1',
      ),
  ],
  [
    'a delayed one overtaken',
    () =>
      settle(
        new Script()
          .push('a', [0, 10], { delayMs: 45 })
          .push('b', [20, 30])
          .pop(['b1'], [40, 50])
          .pop(['a1'], [60, 70]),
        'a1',
        'b1',
      ),
  ],
  ['empty before the push was answered', () => done().push('b', [60, 100]).empty([70, 80]).auto(['b'], [90, 110])],
  ['slow in trouble', () => done().empty([60, 9000]).trouble([100, 8000])],
  ['no answer to who hung up', () => done().lost('manual', [60, 9000])],
  [
    'a duplicate of what was pushed before',
    () =>
      done()
        .push('b', [60, 70], { dedupId: 'd' })
        .push('c', [80, 90], { dedupId: 'd' }, { ok: true, id: 'id-b', duplicate: true })
        .auto(['b'], [95, 99]),
  ],
  [
    'an automatic pop that was told its answer again',
    () => {
      const body = { ok: true, item: { name: 'a' } };
      const attempts = [attempt([20, 30], null), attempt([40, 50], body), attempt([60, 70], body)];
      return new Script().push('a', [0, 10]).call('pop', { ack: 'auto', requestId: 'r' }, attempts);
    },
  ],
  ['gone with the data of Redis', () => new Script().push('a', [0, 10]).loss([20, 30])],
  [
    'pushed again by a repetition after the data were gone',
    () => {
      const attempts = [attempt([0, 10], { ok: true, id: 'id-a' }), attempt([40, 50], { ok: true, id: 'id-b' })];
      return new Script()
        .call('push', { payload: { name: 'a' }, requestId: 'r' }, attempts)
        .auto(['a'], [12, 15])
        .loss([20, 30])
        .auto(['a'], [60, 70]);
    },
  ],
  [
    'certainly not done',
    () => done().call('push', { payload: { name: 'b' } }, [attempt([0, 5], { mayHaveTakenEffect: false }, 503)]),
  ],
];

const bad: Readonly<Record<string, readonly Case[]>> = {
  delivered: [
    ['never delivered', () => new Script().push('a', [0, 10])],
    ['delivered once, not acknowledged and gone', held],
    ['pushed after the data were gone', () => new Script().loss([0, 10]).push('a', [20, 30])],
    [
      'more gone than pops without an answer can have',
      () => new Script().pushMany(['a', 'b'], [0, 10]).lost('auto', [20, 30]),
    ],
    [
      'gone, and only a pop with receipts had no answer',
      () => new Script().push('a', [0, 10]).lost('manual', [20, 30]),
    ],
  ],
  'acknowledged is over': [
    ['delivered after its acknowledgement', () => done().pop(['a2'], [600, 610])],
    ['acknowledged by an old receipt', () => held().pop(['a2'], [600, 610]).use('ack', 'a1', [620, 630], 'ok')],
    [
      'delivered after it was taken without a receipt',
      () => new Script().push('a', [0, 10]).auto(['a'], [20, 30]).pop(['a2'], [600, 610]),
    ],
  ],
  once: [
    ['given to two automatic pops', () => new Script().push('a', [0, 10]).auto(['a'], [20, 30]).auto(['a'], [25, 35])],
    ['acknowledged by two receipts', () => again(held().use('ack', 'a1', [505, 615], 'ok'))],
    ['acknowledged twice by one', () => done().use('ack', 'a1', [60, 70], 'ok')],
    ['given back and acknowledged by one', () => done().use('nack', 'a1', [60, 70], 'ok')],
  ],
  visibility: [
    ['again too early', () => again(held(), 300)],
    [
      'again before the delay of its return',
      () => again(held().use('nack', 'a1', [40, 50], 'ok', { delayMs: 300 }), 250),
    ],
    [
      'again before the end of its extension',
      () => again(held().use('extend', 'a1', [400, 410], 'ok', { visibilityMs: 500 })),
    ],
    ['a receipt refused within it', () => again(held().use('ack', 'a1', [100, 110], 'stale'))],
    ['a receipt accepted after it', () => held().use('ack', 'a1', [600, 610], 'ok')],
  ],
  'redelivered in time': [
    ['a pop finds nothing', () => again(held().empty([2000, 2010]), 2500)],
    [
      'one that was pushed later comes before',
      () => again(held().push('b', [40, 50]).pop(['b1'], [2000, 2010]).use('ack', 'b1', [2020, 2030], 'ok'), 2500),
    ],
    [
      'a pop waits for it for long',
      () => held().pop(['a2'], [100, 5000], { waitMs: 20_000 }).use('ack', 'a2', [5010, 5020], 'ok'),
    ],
  ],
  order: [
    [
      'the second first',
      () =>
        settle(
          new Script().push('a', [0, 10]).push('b', [20, 30]).pop(['b1'], [40, 50]).pop(['a1'], [60, 70]),
          'a1',
          'b1',
        ),
    ],
    [
      'the second first in one answer',
      () => settle(new Script().pushMany(['a', 'b'], [0, 10]).pop(['b1', 'a1'], [40, 50]), 'a1', 'b1'),
    ],
    [
      'the lower priority first',
      () =>
        settle(
          new Script()
            .push('a', [0, 10], { priority: 5 })
            .push('b', [20, 30])
            .pop(['b1'], [60, 70])
            .pop(['a1'], [80, 90]),
          'a1',
          'b1',
        ),
    ],
    [
      'without receipts',
      () =>
        new Script()
          .push('a', [0, 10])
          .push('b', [20, 30])
          .lost('auto', [30, 35])
          .auto(['b'], [40, 50])
          .auto(['a'], [60, 70]),
    ],
  ],
  'no ghosts': [
    ['never pushed', () => new Script().auto(['a'], [0, 10])],
    [
      'refused',
      () =>
        new Script()
          .call('push', { payload: { name: 'a' } }, [attempt([0, 5], { mayHaveTakenEffect: false }, 503)])
          .auto(['a'], [10, 20]),
    ],
    [
      'another id',
      () =>
        new Script()
          .push('a', [0, 10], {}, { ok: true, id: 'other' })
          .pop(['a1'], [20, 30])
          .use('ack', 'a1', [40, 50], 'ok'),
    ],
    [
      'another payload',
      () => new Script().push('a', [0, 10], { payload: { name: 'a', more: 1 } }).auto(['a'], [20, 30]),
    ],
    [
      'two new messages of one dedupId',
      () =>
        new Script()
          .push('a', [0, 10], { dedupId: 'd' })
          .push('b', [20, 30], { dedupId: 'd' }, { ok: true, id: 'id-a' })
          .auto(['a'], [40, 50]),
    ],
    [
      'a duplicate of nothing',
      () =>
        new Script()
          .push('a', [0, 10], { dedupId: 'd' }, { ok: true, id: 'id-a', duplicate: true })
          .auto(['a'], [40, 50]),
    ],
  ],
  'no doubles': [
    [
      'a repeated push makes another message',
      () => {
        const attempts = [
          UNCLEAR,
          attempt([10, 20], { ok: true, id: 'id-a' }),
          attempt([30, 40], { ok: true, id: 'other' }),
        ];
        return new Script().call('push', { payload: { name: 'a' }, requestId: 'r' }, attempts).auto(['a'], [50, 60]);
      },
    ],
  ],
  'answered in time': [
    ['slow with nothing wrong', () => done().empty([60, 5000])],
    ['no answer with nothing wrong', () => done().call('pop', { ack: 'auto' }, [attempt([60, 5000], null)])],
    [
      'empty though there',
      () => new Script().push('a', [0, 10]).empty([20, 30]).pop(['a1'], [40, 50]).use('ack', 'a1', [60, 70], 'ok'),
    ],
    [
      'empty after a wait though there',
      () => new Script().push('a', [100, 110]).empty([20, 1030], { waitMs: 1000 }).auto(['a'], [1040, 1050]),
    ],
    ['not woken', () => new Script().push('a', [100, 110]).auto(['a'], [20, 6000], { waitMs: 20_000 })],
  ],
  counts: [
    ['a number twice', () => held().pop(['a1'], [600, 610]).use('ack', 'a1', [620, 630], 'ok')],
    [
      'numbers fall',
      () =>
        new Script()
          .push('a', [0, 10])
          .pop(['a2'], [20, 30])
          .pop(['a1'], [600, 610])
          .use('ack', 'a1', [620, 630], 'ok'),
    ],
    [
      'more often than allowed',
      () => settle(new Script().push('a', [0, 10], { maxDeliveries: 2 }).pop(['a3'], [20, 30]), 'a3'),
    ],
    ['cannot be emptied', () => done().left({ ready: 1 })],
  ],
  'unexpected answer': [
    ['a failure', () => done().call('ack', { receipt: 'a1' }, [attempt([60, 70], {}, 500)])],
    [
      'an unknown reason',
      () => done().call('push', { payload: { name: 'b' } }, [attempt([60, 70], { ok: false, reason: 'full' })]),
    ],
  ],
};

describe('the judge of queues passes', () => {
  it.each(good)('%s', (_, script) => {
    expect(script().broken()).toEqual([]);
  });
});

describe.each(Object.entries(bad))('the judge of queues catches against "%s"', (rule, cases) => {
  it.each(cases)('%s', (_, script) => {
    expect(script().broken()).toContain(rule);
  });
});

it('a violation comes with what happened to its messages alone, by time', () => {
  const { calls } = again(held(), 300).push('b', [5, 9]);
  const incidents = { all: [], touched: () => false };
  const [violation] = judge({
    calls,
    incidents,
    leftovers: [{ queue: 'q', stats: {} }],
    start: 0,
  }).violations;
  expect(violation).toEqual({
    rule: 'visibility',
    what: 'q "a" was delivered again 210 ms too early',
    history: [
      '20.0..30.0 client on node1: pop manual count 10 visibilityMs 500 -> {"name":"a"} id-a, delivery 1, receipt a1',
      '300.0..310.0 client on node1: pop manual count 10 visibilityMs 500 -> {"name":"a"} id-a, delivery 2, receipt a2',
    ],
  });
});
