import { describe, expect, it } from 'vitest';
import { removals } from './removals.js';
import { search } from './search.js';
import { asBuilt } from './world.js';

describe('without the rule', () => {
  it.each(removals)('$rule', { timeout: 60_000 }, ({ rule, scope, protocol, liveness }) => {
    const found = search(scope, { liveness: liveness === true, maxMs: 30000 }, { ...asBuilt, ...protocol });
    console.log(rule, JSON.stringify(found));
    expect(found.violation).toBeDefined();
  });
});
