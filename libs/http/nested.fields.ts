/** A field that is an object of a class of its own, or a list of them. */
export interface NestedField {
  readonly type: () => new () => object;
  readonly list?: { readonly min: number; readonly max: number };
}

const nestedFields = new Map<object, Map<string, NestedField>>();

function nested(field: NestedField): PropertyDecorator {
  return (target, property) => {
    const fields = nestedFields.get(target) ?? new Map<string, NestedField>();
    nestedFields.set(target, fields.set(String(property), field));
  };
}

/** An object that is validated as `type`; may be left out. */
export function One(type: NestedField['type']): PropertyDecorator {
  return nested({ type });
}

/** A list of `min` to `max` objects, each validated as `type`. */
export function Each(type: NestedField['type'], min: number, max: number): PropertyDecorator {
  return nested({ type, list: { min, max } });
}

/** What {@link One} and {@link Each} declared for a class, by field. */
export function nestedFieldsOf(prototype: object): ReadonlyMap<string, NestedField> {
  return nestedFields.get(prototype) ?? new Map<string, NestedField>();
}
