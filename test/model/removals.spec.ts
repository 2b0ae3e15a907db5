import { describe, expect, it } from 'vitest';
import { removals } from './removals.js';
import { search } from './search.js';
import { asBuilt } from './world.js';

describe('a violation is found without the rule that', () => {
  it.each(removals)('$rule', { timeout: 60_000 }, ({ scope, protocol, liveness }) => {
    const found = search(scope, { liveness: liveness === true }, { ...asBuilt, ...protocol });
    expect(found.violation).toBeDefined();
  });
});
