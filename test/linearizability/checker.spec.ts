import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, shortest } from './checker.js';
import { lineModel, wroteWhatItSaw, type LineInput, type LineOperation, type LineOutput } from './line.model.js';

let clients = 0;
/** An operation from the one time to the other. */
const from = (invoked: number, completed: number, input: LineInput, output?: LineOutput): LineOperation => ({
  client: (clients += 1),
  invoked,
  completed: output ? completed : Infinity,
  input,
  output,
});
const write = (json: string, version: number): [LineInput, LineOutput] => [
  { kind: 'write', json },
  { kind: 'written', version },
];
const read = (json: string, version: number): [LineInput, LineOutput] => [
  { kind: 'read' },
  { kind: 'found', json, version },
];
const absent: [LineInput, LineOutput] = [{ kind: 'read' }, { kind: 'not_found' }];
const verdict = (...history: LineOperation[]) => judge(history, lineModel);

describe('a history is linearizable', () => {
  const good: Record<string, LineOperation[]> = {
    'that is empty': [],
    'of reads of what was written': [
      from(0, 1, ...write('a', 1)),
      from(2, 3, ...read('a', 1)),
      from(2, 3, ...read('a', 1)),
    ],
    'of a read that overlaps a write, either way': [
      from(0, 1, ...write('a', 1)),
      from(2, 9, ...write('b', 2)),
      from(3, 4, ...read('a', 1)),
      from(5, 6, ...read('b', 2)),
    ],
    'of a lost answer that took effect much later': [
      from(0, 1, ...write('a', 1)),
      from(2, 0, { kind: 'write', json: 'b' }),
      from(3, 4, ...read('a', 1)),
      from(50, 51, ...read('b', 7)),
    ],
    'of a lost answer that never took effect': [
      from(0, 1, ...write('a', 1)),
      from(2, 0, { kind: 'write', json: 'b' }),
      from(50, 51, ...read('a', 1)),
    ],
    'of increments in any order': [
      from(0, 9, { kind: 'increment', by: 1 }, { kind: 'written', json: '2', version: 2 }),
      from(0, 9, { kind: 'increment', by: 1 }, { kind: 'written', json: '1', version: 1 }),
    ],
    'of a condition that another write met first': [
      from(0, 1, ...write('a', 1)),
      from(2, 9, { kind: 'write', json: 'b', ifVersion: 1 }, { kind: 'written', version: 2 }),
      from(2, 9, { kind: 'write', json: 'c', ifVersion: 1 }, { kind: 'version_conflict', version: 2 }),
    ],
    'of a deletion and a new beginning': [
      from(0, 1, ...write('a', 1)),
      from(2, 3, { kind: 'delete' }, { kind: 'deleted' }),
      from(4, 5, ...absent),
      from(6, 7, { kind: 'increment', by: 5 }, { kind: 'written', json: '5', version: 9 }),
    ],
    'of a value that ended in its time': [
      from(0, 1, { kind: 'write', json: 'a', ttlMs: 100 }, { kind: 'written', version: 1 }),
      from(50, 51, ...read('a', 1)),
      from(150, 151, ...absent),
    ],
    'of a conflict with a write whose answer was lost': [
      from(0, 0, { kind: 'write', json: 'a' }),
      from(2, 3, { kind: 'write', json: 'b', ifVersion: 0 }, { kind: 'version_conflict', version: 4 }),
      from(5, 6, ...read('a', 4)),
    ],
  };
  it.each(Object.entries(good))('%s', (_, history) => {
    expect(verdict(...history)).toBe('linearizable');
  });
});

describe('a history is not linearizable', () => {
  const bad: Record<string, LineOperation[]> = {
    'of a read of what was overwritten before': [
      from(0, 1, ...write('a', 1)),
      from(2, 3, ...write('b', 2)),
      from(4, 5, ...read('a', 1)),
    ],
    'of reads that go back': [
      from(0, 1, ...write('a', 1)),
      from(2, 9, ...write('b', 2)),
      from(3, 4, ...read('b', 2)),
      from(5, 6, ...read('a', 1)),
    ],
    'of a read of what nobody wrote': [from(0, 1, ...write('a', 1)), from(2, 3, ...read('x', 1))],
    'of a read of another version': [from(0, 1, ...write('a', 1)), from(2, 3, ...read('a', 2))],
    'of a lost update': [
      from(0, 9, { kind: 'increment', by: 1 }, { kind: 'written', json: '1', version: 1 }),
      from(0, 9, { kind: 'increment', by: 1 }, { kind: 'written', json: '1', version: 2 }),
    ],
    'of two who met one condition': [
      from(0, 1, ...write('a', 1)),
      from(2, 9, { kind: 'write', json: 'b', ifVersion: 1 }, { kind: 'written', version: 2 }),
      from(2, 9, { kind: 'write', json: 'c', ifVersion: 1 }, { kind: 'written', version: 3 }),
    ],
    'of a deletion undone': [
      from(0, 1, ...write('a', 1)),
      from(2, 3, { kind: 'delete' }, { kind: 'deleted' }),
      from(4, 5, ...read('a', 1)),
    ],
    'of versions that do not grow': [from(0, 1, ...write('a', 5)), from(2, 3, ...write('b', 4))],
    'of a lost answer that took effect twice': [
      from(0, 0, { kind: 'increment', by: 1 }),
      from(2, 3, { kind: 'read' }, { kind: 'found', json: '2', version: 2 }),
    ],
    'of a value that ended too early': [
      from(0, 1, { kind: 'write', json: 'a', ttlMs: 100 }, { kind: 'written', version: 1 }),
      from(10, 11, ...absent),
    ],
    'of a value that did not end': [
      from(0, 1, { kind: 'write', json: 'a', ttlMs: 100 }, { kind: 'written', version: 1 }),
      from(200, 201, ...read('a', 1)),
    ],
    'of an end that was undone': [
      from(0, 1, { kind: 'write', json: 'a', ttlMs: 100 }, { kind: 'written', version: 1 }),
      from(99, 100, ...absent),
      from(101, 102, ...read('a', 1)),
    ],
  };
  it.each(Object.entries(bad))('%s', (_, history) => {
    expect(verdict(...history)).toBe('not linearizable');
  });
});

/** A history made by doing everything at one instant between its beginning and its end. */
const made = fc
  .array(
    fc.record({
      kind: fc.constantFrom('read', 'write', 'increment', 'delete'),
      before: fc.nat(30),
      after: fc.nat(30),
      lost: fc.nat(9),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drawn) => {
    let json: string | undefined;
    let version = 0;
    return drawn.map(({ kind, before, after, lost }, index): LineOperation => {
      const at = 10 * index;
      let input: LineInput;
      let output: LineOutput;
      if (kind === 'read') {
        input = { kind };
        output = json === undefined ? { kind: 'not_found' } : { kind: 'found', json, version };
      } else if (kind === 'delete') {
        input = { kind };
        output = json === undefined ? { kind: 'not_found' } : { kind: 'deleted' };
        json = undefined;
      } else {
        json = kind === 'write' ? String(100 * index) : String(Number(json ?? 0) + 1);
        version += 1;
        input = kind === 'write' ? { kind, json } : { kind: 'increment', by: 1 };
        output = { kind: 'written', version, ...(kind === 'increment' && { json }) };
      }
      return from(at - before, at + after, input, lost === 0 ? undefined : output);
    });
  });

describe('histories by the hundred', () => {
  it('that were made one after the other are recognized', () => {
    fc.assert(
      fc.property(made, (history) => judge(history, lineModel) === 'linearizable'),
      { numRuns: 500 },
    );
  });

  it('are rejected with one read of a value that was overwritten long before', () => {
    fc.assert(
      fc.property(made, (history) => {
        const end = 10 * history.length + 100;
        const stale = [
          ...history,
          from(end, end + 1, ...write('last', 1_000_000)),
          from(end + 2, end + 3, ...write('very last', 1_000_001)),
          from(end + 4, end + 5, ...read('last', 1_000_000)),
        ];
        return judge(stale, lineModel) === 'not linearizable';
      }),
      { numRuns: 200 },
    );
  });

  it('are cut down to what shows the violation', () => {
    const noise = Array.from({ length: 100 }, (_, i) => from(10 * i, 10 * i + 5, ...write(`w${i}`, i + 1)));
    const stale = from(995, 999, ...read('w3', 4));
    const least = shortest([...noise, stale, from(2000, 2001, ...write('x', 5000))], lineModel, wroteWhatItSaw);
    expect(least).toHaveLength(3);
    expect(least.map(({ output }) => output)).toMatchObject([write('w3', 4)[1], { kind: 'written' }, read('w3', 4)[1]]);
  });
});

it('says so where it cannot decide in time', () => {
  const many = Array.from({ length: 60 }, (_, i) => from(0, 0, { kind: 'write', json: `w${i}` }));
  expect(judge([...many, from(1, 2, ...read('never', 1))], lineModel, 5000)).toBe('undecided');
});
