import { ValidateBy, ValidateIf, type ValidationArguments } from './class.validator.js';
import { about, type Schema } from './request.schema.js';

type Fields = Readonly<Record<string, unknown>>;

/** May be left out; null is not the same as that. */
export function Optional(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

/** Applies only where another field has this value. Use beside {@link Optional}, as the next two. */
export function When(other: string, value: string): PropertyDecorator {
  return rule(
    (fields) => fields[other] === value,
    () => `applies only to ${other} "${value}"`,
    (name) => ({ if: { required: [name] }, then: { required: [other], properties: { [other]: { const: value } } } }),
  );
}

/** Does not apply where another field is true. */
export function Unless(other: string): PropertyDecorator {
  return rule(
    (fields) => fields[other] !== true,
    () => `does not apply beside ${other}`,
    (name) => ({ not: { required: [name, other], properties: { [other]: { const: true } } } }),
  );
}

/** Applies only where another field is given. */
export function Beside(other: string): PropertyDecorator {
  return rule(
    (fields) => fields[other] !== undefined,
    () => `applies only beside ${other}`,
    (name) => ({ dependentRequired: { [name]: [other] } }),
  );
}

/** Exactly one of this field and another must be given; the other one is {@link Optional}. */
export function Or(other: string): PropertyDecorator {
  const given = ValidateIf((fields: Fields, value) => value !== undefined || fields[other] === undefined);
  const one = rule(
    (fields, name) => (fields[name] === undefined) !== (fields[other] === undefined),
    (fields, name) => (fields[name] === undefined ? `or ${other} must be given` : `does not apply beside ${other}`),
    (name) => ({ oneOf: [{ required: [name] }, { required: [other] }] }),
  );
  return (target, property) => {
    given(target, property);
    one(target, property);
  };
}

/** A rule between a field and others, as a test of the whole request and as the JSON schema of the same meaning. */
function rule(
  holds: (fields: Fields, name: string) => boolean,
  message: (fields: Fields, name: string) => string,
  schema: (name: string) => Schema,
): PropertyDecorator {
  return (target, property) => {
    const name = String(property);
    const fieldsOf = (args?: ValidationArguments) => (args?.object ?? {}) as Fields;
    const decorate = ValidateBy({
      name: 'rule',
      constraints: [about({ rule: schema(name) })],
      validator: {
        validate: (_, args) => holds(fieldsOf(args), name),
        defaultMessage: (args) => message(fieldsOf(args), name),
      },
    });
    decorate(target, property);
  };
}
