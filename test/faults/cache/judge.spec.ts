import { describe, expect, it } from 'vitest';
import { LEASE_MS } from '#lib/membership';
import type { History } from '../../cache/workload.js';
import type { LineInput, LineOperation, LineOutput } from '../../linearizability/line.model.js';
import type { Incident } from '../round.js';
import { judge, LINEARIZABLE } from './judge.js';

const [FROM, READY] = [1000, 1200];
const LEASES_END = FROM + LEASE_MS;
const read: LineInput = { kind: 'read' };
const write = (json: string): LineInput => ({ kind: 'write', json });
const written = (version: number): LineOutput => ({ kind: 'written', version });
const found = (json: string, version: number): LineOutput => ({ kind: 'found', json, version });
const gone: LineOutput = { kind: 'not_found' };

function call(invoked: number, input: LineInput, output: LineOutput | undefined): LineOperation {
  return { client: 0, invoked, completed: output ? invoked + 10 : Infinity, input, output };
}

/** The rules that are broken where Redis was killed at 1000 ms and ready again at 1200. */
function broken(operations: readonly LineOperation[], loss = true): string[] {
  const history: History = { seed: 1, byKey: new Map([['line', operations]]), operations: 0, unclear: 0, hits: 0 };
  const nodes = ['node1', 'node2', 'node3'];
  const incident: Incident = { fault: 'x', nodes, redis: true, loss, from: FROM, healed: READY, to: 5000 };
  return judge(history, { all: [incident], touched: () => true }).violations.map(({ rule }) => rule);
}

describe('the judge of the cache', () => {
  it('wants each line to be one line in one place', () => {
    expect(broken([call(0, write('1'), written(1)), call(20, read, found('1', 1))])).toEqual([]);
    expect(broken([call(0, write('1'), written(1)), call(20, read, gone)])).toEqual([LINEARIZABLE]);
  });

  it('lets everything be forgotten where Redis lost its data, once, and not where it only was away', () => {
    const after = [call(0, write('1'), written(1)), call(3000, read, gone)];
    expect(broken(after)).toEqual([]);
    expect(broken(after, false)).toEqual([LINEARIZABLE]);
    expect(broken([...after, call(3100, read, found('1', 1))])).toEqual([LINEARIZABLE]);
  });

  it('lets copies be served until the last lease of before is over, and no longer', () => {
    const hit = (at: number) => broken([call(0, write('1'), written(1)), call(at, read, found('1', 1))]);
    expect(hit(READY + 50)).toEqual([]);
    expect(hit(LEASES_END - 50)).toEqual([]);
    expect(hit(LEASES_END + 50)).toEqual([LINEARIZABLE]);
  });

  it('lets the loss show once: what was absent meanwhile does not come back', () => {
    const operations = [
      call(0, write('1'), written(1)),
      call(READY + 50, read, gone),
      call(READY + 100, read, found('1', 1)),
    ];
    expect(broken(operations)).toEqual([LINEARIZABLE]);
  });

  it('lets what was under way be done before the loss and again after it', () => {
    const twice = [
      { ...call(900, write('1'), written(2)), completed: 2600 },
      call(950, read, found('1', 1)),
      call(2700, read, found('1', 2)),
    ];
    expect(broken(twice)).toEqual([]);
    expect(broken(twice, false)).toEqual([LINEARIZABLE]);
  });
});
