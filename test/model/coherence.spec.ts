import { describe, expect, it } from 'vitest';
import { search } from './search.js';
const write = (n: number) => ({ kind: 'write', json: `${n}` }) as const;

describe('try', () => {
  it('runs', () => {
    const basics = { processes: 2, changes: [write(1)], grants: 2, net: 4 };
    for (const scope of [
      basics,
      { ...basics, restart: 'anything', reboot: true } as const,
      { ...basics, net: 3, lease: true, restart: 'anything', reboot: true, oneSided: true } as const,
      { ...basics, restart: 'nothing', without: ['gate'] } as const,
      { ...basics, lease: true, join: true, loss: true, kill: true, oneSided: true } as const,
      { ...basics, changes: [write(1), write(2)], grants: 4, giveUp: true, evict: true } as const,
    ]) {
      const found = search(scope, { maxMs: 60000, liveness: !('restart' in scope)});
      console.log(JSON.stringify(scope), JSON.stringify(found));
      expect(found.violation).toBeUndefined();
    }
  }, 600000);
});
