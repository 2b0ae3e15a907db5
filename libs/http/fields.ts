import { ValidateBy, ValidateIf, type ValidationArguments } from 'class-validator';

/** 1 to 512 code points, none of them a control character or a lone surrogate. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,512}$/u;
const REQUEST_ID = /^[^\p{Cc}\p{Cs}]{1,128}$/u;
const MAX_DEPTH = 100;

function field(name: string, validate: (value: unknown, args?: ValidationArguments) => boolean, message: string) {
  return ValidateBy({ name, validator: { validate, defaultMessage: () => message } });
}

/** A name of a lock, owner, queue or key: never parsed, never normalized. */
export function IsName(): PropertyDecorator {
  return field('name', isName, 'must be 1 to 512 characters without control characters or lone surrogates');
}

/** Names, 1 or more. */
export function IsNames(min: number, max: number): PropertyDecorator {
  return field(
    'names',
    (value) => isArrayOf(value, min, max) && value.every(isName),
    `must be a list of ${min} to ${max} names of 1 to 512 characters without control characters or lone surrogates`,
  );
}

/** A text that only its maker understands: receipt, cursor. */
export function IsText(maxLength: number): PropertyDecorator {
  return field('text', (value) => isText(value, maxLength), `must be a text of 1 to ${maxLength} characters`);
}

export function IsTexts(min: number, max: number, maxLength: number): PropertyDecorator {
  return field(
    'texts',
    (value) => isArrayOf(value, min, max) && value.every((one) => isText(one, maxLength)),
    `must be a list of ${min} to ${max} texts of 1 to ${maxLength} characters`,
  );
}

/** By which a call can be repeated: 1 to 128 characters. */
export function IsRequestId(): PropertyDecorator {
  return field(
    'requestId',
    (value) => typeof value === 'string' && REQUEST_ID.test(value),
    'must be 1 to 128 characters without control characters or lone surrogates',
  );
}

/** A whole number between bounds, both included. */
export function IsWhole(min: number, max: number): PropertyDecorator {
  return field(
    'whole',
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    `must be a whole number from ${min} to ${max}`,
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

/** Any JSON value, null included; comes back as it is, nested at most 100 deep. */
export function IsJson(): PropertyDecorator {
  return field(
    'json',
    (value) => value !== undefined && isShallow(value, MAX_DEPTH),
    `must be given, and nested at most ${MAX_DEPTH} deep`,
  );
}

export function IsFlag(): PropertyDecorator {
  return field('flag', (value) => typeof value === 'boolean', 'must be true or false');
}

export function IsOneOf(...words: string[]): PropertyDecorator {
  return field('oneOf', (value) => words.includes(value as string), `must be one of ${words.join(', ')}`);
}

/** May be left out; null is not the same as that. */
export function Optional(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** Accepted for the sake of callers that send it, and not looked at. */
export function Ignored(): PropertyDecorator {
  return field('ignored', () => true, '');
}

/** A field that does not apply is refused. Use beside {@link Optional}. */
export function OnlyIf(applies: (dto: never) => boolean, message: string): PropertyDecorator {
  return field('onlyIf', (_, args) => applies(args?.object as never), message);
}

/** A list of objects of one kind. */
export interface ListField {
  readonly type: () => new () => object;
  readonly min: number;
  readonly max: number;
}

const listFields = new Map<object, Map<string, ListField>>();

/** A list of `min` to `max` objects, each validated as `type`. */
export function Each(type: ListField['type'], min: number, max: number): PropertyDecorator {
  return (target, property) => {
    const fields = listFields.get(target) ?? new Map<string, ListField>();
    listFields.set(target, fields.set(String(property), { type, min, max }));
  };
}

/** The lists that {@link Each} declared for a class, by field. */
export function listFieldsOf(prototype: object): ReadonlyMap<string, ListField> {
  return listFields.get(prototype) ?? new Map<string, ListField>();
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length >= 1 && value.length <= maxLength;
}

function isArrayOf(value: unknown, min: number, max: number): value is unknown[] {
  return Array.isArray(value) && value.length >= min && value.length <= max;
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}
