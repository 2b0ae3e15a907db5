import { getMetadataStorage, ValidationTypes, type ValidationArguments } from './class.validator.js';
import { metadataOf } from './request.schema.js';

type RequestClass = new () => object;
type Condition = (request: object, value: unknown) => boolean;
type Test = (request: Readonly<Record<string, unknown>>) => boolean;

const tests = new Map<RequestClass, readonly Test[]>();

/**
 * Whether a request passes all that was declared for the fields of its class. It asks class-validator's own validators,
 * but looks them up once for each class: `validateSync` searches through all classes with every call, and is left to tell
 * what is wrong.
 * @returns true only where `validateSync` finds nothing; false also for a class with a declaration that is unknown here
 */
export function fits(request: object): boolean {
  const requestClass = request.constructor as RequestClass;
  let own = tests.get(requestClass);
  if (!own) tests.set(requestClass, (own = testsOf(requestClass)));
  return own.every((test) => test(request as Record<string, unknown>));
}

function testsOf(requestClass: RequestClass): Test[] {
  const metadata = metadataOf(requestClass);
  const conditions = new Map<string, Condition[]>();
  for (const { type, propertyName, constraints } of metadata) {
    if (type !== ValidationTypes.CONDITIONAL_VALIDATION) continue;
    conditions.set(propertyName, [...(conditions.get(propertyName) ?? []), (constraints as [Condition])[0]]);
  }
  const others = metadata.filter(({ type }) => type !== ValidationTypes.CONDITIONAL_VALIDATION);
  return others.map(({ type, propertyName, constraintCls, constraints, each, validateIf }): Test => {
    const isPlain = type === ValidationTypes.CUSTOM_VALIDATION && !each && !validateIf;
    const validators = isPlain ? getMetadataStorage().getTargetValidatorConstraints(constraintCls) : [];
    if (validators.length === 0 || validators.some(({ async }) => async)) return () => false;
    const applies = conditions.get(propertyName) ?? [];
    const all = validators.map(({ instance }) => instance);
    return (request) => {
      const value = request[propertyName];
      if (!applies.every((condition) => condition(request, value))) return true;
      const about: ValidationArguments = {
        targetName: requestClass.name,
        property: propertyName,
        object: request,
        value,
        constraints: constraints as unknown[],
      };
      return all.every((validator) => validator.validate(value, about) === true);
    };
  });
}
