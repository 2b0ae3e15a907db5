import { describe, expect, it } from 'vitest';
import { everyRun } from './scopes.js';
import { search } from './search.js';

describe('no reachable state breaks an invariant', () => {
  it.each(everyRun)('%s', { timeout: 120_000 }, (_, scope) => {
    // Where Redis may lose a write for good, its round need not end.
    const found = search(scope, { liveness: scope.restart === undefined });
    expect({ violation: found.violation, trace: found.trace }).toEqual({ violation: undefined, trace: [] });
    expect(found.exhausted).toBe(true);
    expect(found.states).toBeGreaterThan(1000);
  });
});
