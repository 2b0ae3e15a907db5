import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { validateSync } from './class.validator.js';
import { fromQuery } from './fields.js';
import { nestedFieldsOf } from './nested.fields.js';
import { invalidFields, type FieldError } from './problem.js';
import { fits } from './request.fits.js';
import { metadataOf } from './request.schema.js';

type RequestClass = new () => object;

/**
 * Turns bodies and queries into their classes and refuses what does not fit them, unknown fields included.
 * Values of users are taken over as they are: nothing in them is cloned, converted or looked into.
 */
@Injectable()
export class RequestPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || !metatype || metatype === Object) return value;
    const errors: FieldError[] = [];
    const request = build(metatype as RequestClass, value ?? {}, '', type === 'query', errors);
    if (errors.length > 0) throw invalidFields(errors);
    return request;
  }
}

const knownFields = new Map<RequestClass, ReadonlySet<string>>();

function fieldsOf(requestClass: RequestClass): ReadonlySet<string> {
  let fields = knownFields.get(requestClass);
  if (!fields) {
    fields = new Set(metadataOf(requestClass).map(({ propertyName }) => propertyName));
    knownFields.set(requestClass, fields);
  }
  return fields;
}

/** Makes the object and collects what is wrong with it; `path` is empty or ends in a dot. */
function build(
  requestClass: RequestClass,
  value: unknown,
  path: string,
  isQuery: boolean,
  errors: FieldError[],
): object {
  const request = new requestClass() as Record<string, unknown>;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    errors.push({ field: path.slice(0, -1), message: 'must be a JSON object' });
    return request;
  }
  const prototype = requestClass.prototype as object;
  const fields = fieldsOf(requestClass);
  const nested = nestedFieldsOf(prototype);
  for (const name of Object.keys(value)) {
    const given = (value as Record<string, unknown>)[name];
    if (!fields.has(name) && !nested.has(name))
      errors.push({ field: path + name, message: 'is not a field of this request' });
    else if (given !== undefined) request[name] = isQuery ? fromQuery(prototype, name, given) : given;
  }
  for (const [name, { type, list }] of nested) {
    const given = request[name];
    if (!list) {
      if (given !== undefined) request[name] = build(type(), given, `${path}${name}.`, isQuery, errors);
    } else if (!Array.isArray(given) || given.length < list.min || given.length > list.max) {
      errors.push({ field: path + name, message: `must be a list of ${list.min} to ${list.max} objects` });
    } else {
      request[name] = given.map((item, index) => build(type(), item, `${path}${name}[${index}].`, isQuery, errors));
    }
  }
  if (fields.size > 0 && !fits(request)) {
    for (const { property, constraints } of validateSync(request, { stopAtFirstError: true })) {
      errors.push({ field: path + property, message: Object.values(constraints ?? {})[0] ?? 'is not valid' });
    }
  }
  return request;
}
