import { IsInt, validateSync } from 'class-validator';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Beside, IsFlag, IsName, IsNames, IsOneOf, IsWhole, Optional, Or, Unless, When } from './index.js';
import { fits } from './request.fits.js';

class Ruled {
  @IsName() @Or('names') name?: string;
  @Optional() @IsNames(1, 2) names?: string[];
  @IsOneOf('exclusive', 'shared') mode = 'exclusive';
  @Optional() @IsWhole(0, 9) @When('mode', 'shared') limit?: number;
  @Optional() @IsFlag() dead?: boolean;
  @Optional() @IsWhole(0, 9) @Unless('dead') delayMs?: number;
  @Optional() @IsWhole(0, 9) @Beside('delayMs') afterMs?: number;
}

class More extends Ruled {
  @IsFlag() sure!: boolean;
}

class Foreign {
  @IsInt({ each: true }) numbers!: number[];
}

it.each([Ruled, More])('finds that a request of class %s fits just where class-validator does', (requestClass) => {
  const field = fc.constantFrom<unknown>(undefined, undefined, null, 'a', '', 'shared', 3, 10, true, false, ['a'], []);
  const names = ['name', 'names', 'mode', 'limit', 'dead', 'delayMs', 'afterMs', 'sure'];
  const right = { name: 'a', mode: 'shared', limit: 3, dead: false, delayMs: 1, afterMs: 1, sure: true };
  const changed = fc.dictionary(fc.constantFrom(...names), field, { maxKeys: 3 });
  const found = new Set<boolean>();
  fc.assert(
    fc.property(changed, fc.boolean(), (fields, fromRight) => {
      const request = Object.assign(new requestClass(), fromRight ? right : {}, fields);
      const isRight = validateSync(request).length === 0;
      found.add(isRight);
      expect(fits(request)).toBe(isRight);
    }),
    { numRuns: 2000 },
  );
  expect(found).toEqual(new Set([true, false]));
});

it('leaves what it does not know to class-validator', () => {
  const request = Object.assign(new Foreign(), { numbers: [1] });
  expect(validateSync(request)).toEqual([]);
  expect(fits(request)).toBe(false);
});
