import { EnvError, makeExactValidator, type ExactValidator } from 'envalid';

const forms = new WeakMap<object, string>();

/**
 * A setting of one form.
 * @param form what a value must be, in words that go on after "must be"
 * @param parse the value of a text; undefined where it has another form
 * @param isSecret whether a wrong text is left out of the message
 */
function exact<Value>(
  form: string,
  parse: (input: string) => Value | undefined,
  isSecret = false,
): ExactValidator<Value> {
  const parseOrRefuse = (input: string): Value => {
    const value = parse(input);
    if (value === undefined) throw new EnvError(`must be ${form}${isSecret ? '' : `, not "${input}"`}`);
    return value;
  };
  forms.set(parseOrRefuse, form);
  return makeExactValidator(parseOrRefuse);
}

/** What a setting of the table must be, in words. */
export function formOf(setting: { readonly _parse: (input: string) => unknown }): string {
  return forms.get(setting._parse) ?? '';
}

/** A whole number of the unit that the setting's name ends in. */
export function integer(min: number, max: number): ExactValidator<number> {
  return exact(`a whole number from ${min} to ${max}`, (input) => {
    const value = Number(input);
    return /^\d+$/.test(input) && value >= min && value <= max ? value : undefined;
  });
}

/** A string of a form that the message puts into words. */
export function text(form: RegExp, words: string): ExactValidator<string> {
  return exact(words, (input) => (form.test(input) ? input : undefined));
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): ExactValidator<Choice> {
  return exact(`one of ${choices.join(', ')}`, (input) => choices.find((known) => known === input));
}

export const flag = exact('true or false', (input) =>
  input === 'true' ? true : input === 'false' ? false : undefined,
);

/** The message never repeats a Redis URL, since it may carry a password. */
export const redisUrl = exact(
  'a URL like redis://host:6379 or rediss://user:password@host:6380/0',
  (input) => {
    const url = URL.canParse(input) ? new URL(input) : undefined;
    return url && /^rediss?:$/.test(url.protocol) && url.hostname !== '' ? input : undefined;
  },
  true,
);
