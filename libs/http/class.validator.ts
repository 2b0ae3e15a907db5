/**
 * What we use of class-validator. Its index would load a hundred decorators that we do not use, with two libraries behind
 * them: a sixth of all files that a node loads at its start, and some megabytes.
 */
import { createRequire } from 'node:module';
import type * as Whole from 'class-validator';
import type { ValidationError, ValidatorOptions } from 'class-validator';

const part = createRequire(import.meta.url) as (
  path: `class-validator/cjs/${string}.js`,
) => Omit<typeof Whole, 'validateSync'>;

export type { ValidationArguments } from 'class-validator';
export const { ValidateBy } = part('class-validator/cjs/decorator/common/ValidateBy.js');
export const { ValidateIf } = part('class-validator/cjs/decorator/common/ValidateIf.js');
export const { getMetadataStorage } = part('class-validator/cjs/metadata/MetadataStorage.js');
export const { ValidationTypes } = part('class-validator/cjs/validation/ValidationTypes.js');

const { Validator } = part('class-validator/cjs/validation/Validator.js');
const validator = new Validator();

/** @returns what of a request does not fit what was declared for its class */
export function validateSync(request: object, options: ValidatorOptions): ValidationError[] {
  return validator.validateSync(request, options);
}
