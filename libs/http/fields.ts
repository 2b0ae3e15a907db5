import { ValidateBy } from './class.validator.js';
import { Optional } from './field.rules.js';
import { about, named, type Schema } from './request.schema.js';

/** 1 to 512 code points, none of them a control character or a lone surrogate. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const REQUEST_ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
const MAX_DEPTH = 100;

/**
 * A form of a field, said twice in one place: as a test of its value, and as the JSON schema of the same values. What
 * the schema cannot say stands in its description.
 * @param message what the value must be, for who sent another
 */
export function field(
  name: string,
  fits: (value: unknown) => boolean,
  message: string,
  schema: Schema,
): PropertyDecorator {
  return ValidateBy({
    name,
    constraints: [about({ form: schema })],
    validator: { validate: fits, defaultMessage: () => message },
  });
}

const nameSchema = named('Name', {
  type: 'string',
  minLength: 1,
  maxLength: 512,
  pattern: NAME.source,
  description:
    '1 to 512 Unicode code points without control characters or lone surrogates; never parsed, never normalized.',
});

const requestIdSchema = named('RequestId', {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: REQUEST_ID.source,
  description:
    'Makes the repetition of a call exact: remembered for 5 minutes, for this route and the queue or key named. The ' +
    'repetition is answered as the first call was, on any node, if that changed something; its body is not compared.',
});

/** A name of a lock, owner, queue or key: never parsed, never normalized. */
export function IsName(): PropertyDecorator {
  return field('name', isName, 'must be 1 to 512 characters without control characters or lone surrogates', nameSchema);
}

/** Names, 1 or more. */
export function IsNames(min: number, max: number): PropertyDecorator {
  return field(
    'names',
    (value) => isArrayOf(value, min, max) && value.every(isName),
    `must be a list of ${min} to ${max} names of 1 to 512 characters without control characters or lone surrogates`,
    { type: 'array', minItems: min, maxItems: max, items: nameSchema },
  );
}

/** A text that only its maker understands: receipt, cursor. */
export function IsText(maxLength: number): PropertyDecorator {
  return field('text', textTest(maxLength), `must be a text of 1 to ${maxLength} characters`, textSchema(maxLength));
}

export function IsTexts(min: number, max: number, maxLength: number): PropertyDecorator {
  const isText = textTest(maxLength);
  return field(
    'texts',
    (value) => isArrayOf(value, min, max) && value.every(isText),
    `must be a list of ${min} to ${max} texts of 1 to ${maxLength} characters`,
    { type: 'array', minItems: min, maxItems: max, items: textSchema(maxLength) },
  );
}

/** By which a call can be repeated: 1 to 128 characters. */
export function IsRequestId(): PropertyDecorator {
  return field(
    'requestId',
    (value) => typeof value === 'string' && REQUEST_ID.test(value),
    'must be 1 to 128 characters without control characters or lone surrogates',
    requestIdSchema,
  );
}

/** A whole number between bounds, both included. */
export function IsWhole(min: number, max: number): PropertyDecorator {
  return field(
    'whole',
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    `must be a whole number from ${min} to ${max}`,
    { type: 'integer', minimum: min, maximum: max },
  );
}

const wholeTexts = new Map<object, Set<string>>();

/** A whole number in a query; the handler gets it as a number. */
export function IsWholeText(min: number, max: number): PropertyDecorator {
  const whole = IsWhole(min, max);
  return (target, property) => {
    const names = wholeTexts.get(target) ?? new Set();
    wholeTexts.set(target, names.add(String(property)));
    whole(target, property);
  };
}

/** The value that a query's text stands for. */
export function fromQuery(prototype: object, property: string, text: unknown): unknown {
  const isWhole = wholeTexts.get(prototype)?.has(property) === true;
  return isWhole && typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;
}

const jsonSchema = named('Json', {
  description: `Any JSON value, null included, nested at most ${MAX_DEPTH} deep; it comes back equal.`,
});

/** Any JSON value, null included; comes back as it is, nested at most 100 deep. */
export function IsJson(): PropertyDecorator {
  return field(
    'json',
    (value) => value !== undefined && isShallow(value, MAX_DEPTH),
    `must be given, and nested at most ${MAX_DEPTH} deep`,
    jsonSchema,
  );
}

export function IsFlag(): PropertyDecorator {
  return field('flag', (value) => typeof value === 'boolean', 'must be true or false', { type: 'boolean' });
}

export function IsOneOf(...words: string[]): PropertyDecorator {
  return field('oneOf', (value) => words.includes(value as string), `must be one of ${words.join(', ')}`, {
    type: 'string',
    enum: words,
  });
}

/** Accepted for the sake of callers that send it, and not looked at. */
export function Ignored(): PropertyDecorator {
  const ignored = field('ignored', () => true, '', { description: 'Accepted and ignored.' });
  return (target, property) => {
    Optional()(target, property);
    ignored(target, property);
  };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** Counted in code points, as JSON schemas count. */
function textTest(maxLength: number): (value: unknown) => boolean {
  const form = new RegExp(`^[^]{1,${maxLength}}$`, 'u');
  return (value) => typeof value === 'string' && form.test(value);
}

function textSchema(maxLength: number): Schema {
  return { type: 'string', minLength: 1, maxLength };
}

function isArrayOf(value: unknown, min: number, max: number): value is unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}
