import { describe, expect, it } from 'vitest';
import {
  fillAnswered,
  invalidated,
  isHit,
  NOTHING,
  shared,
  startFill,
  startWrite,
  writeAnswered,
  type Copy,
} from './node.protocol.js';

const copy: Copy = { json: '1', version: 7, state: 'M', grant: 3, epoch: 10 };
const holding = { ...NOTHING, copy };

/** What the model leaves out: time, labels, and who speaks for whom. */
describe('a node', () => {
  it('serves a copy up to its end, and only while the lease stands', () => {
    expect(isHit(copy, true, 1e9)).toBe(true);
    expect(isHit({ ...copy, expiresAt: 500 }, true, 499.9)).toBe(true);
    expect(isHit({ ...copy, expiresAt: 500 }, true, 500)).toBe(false);
    expect(isHit(copy, false, 0)).toBe(false);
  });

  it('counts the end of a copy from before its question was sent', () => {
    const { line } = startFill(NOTHING, 1, 10, 1000);
    const answer = {
      kind: 'value',
      json: '1',
      version: 7,
      found: 'E',
      granted: 'E',
      roundOpen: false,
      expiresInMs: 250,
    } as const;
    expect(fillAnswered(line, 1, answer, 10).copy?.expiresAt).toBe(1250);
    const writing = startWrite(NOTHING, 1, [2], 10, 3000);
    const result = {
      id: 'w',
      outcome: { code: 'ok', version: 8 },
      holder: { epoch: 10, grant: 2 },
      expiresInMs: 40,
    } as const;
    expect(writeAnswered(writing, 2, result, '2', 10).copy).toMatchObject({ state: 'M', version: 8, expiresAt: 3040 });
  });

  it('lets go of nothing, and acknowledges nothing, for an epoch that was never its own', () => {
    expect(invalidated(holding, 11, new Set([10, 12]))).toBeUndefined();
    expect(invalidated(holding, 12, new Set([10, 12]))?.copy).toBeUndefined();
  });

  it('takes the label S only for the version that others have read', () => {
    expect(shared(holding, 7).copy).toEqual({ ...copy, state: 'S' });
    expect(shared(holding, 6)).toBe(holding);
    expect(shared(NOTHING, 7)).toBe(NOTHING);
  });
});
