import { RequestMethod, type DynamicModule, type Type } from '@nestjs/common';
import {
  HEADERS_METADATA,
  METHOD_METADATA,
  MODULE_METADATA,
  PARAMTYPES_METADATA,
  PATH_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';

type Imported = Type | DynamicModule | { readonly forwardRef: () => Type };
type RequestClass = new () => object;

/** One handler of a controller, as Nest routes to it. */
export interface Route {
  readonly method: string;
  /** As Express writes it: `/docs/:file`. */
  readonly path: string;
  readonly controller: Type;
  readonly name: string;
  readonly handler: object;
  readonly body?: RequestClass;
  readonly query?: RequestClass;
  /** What `@Header('Content-Type', ..)` says. */
  readonly contentType?: string;
}

/** The routes of an application's module and of all that it imports. */
export function routesOf(module: Type): Route[] {
  return controllersOf(module).flatMap(routesOfController);
}

function controllersOf(imported: Imported, seen = new Set<Imported>()): Type[] {
  if (seen.has(imported) || 'forwardRef' in imported) return [];
  seen.add(imported);
  const module = 'module' in imported ? imported.module : imported;
  const own = (key: string) => (Reflect.getMetadata(key, module) ?? []) as Type[];
  const dynamic = 'module' in imported ? imported : undefined;
  const imports = [...own(MODULE_METADATA.IMPORTS), ...((dynamic?.imports ?? []) as Imported[])];
  return [
    ...own(MODULE_METADATA.CONTROLLERS),
    ...(dynamic?.controllers ?? []),
    ...imports.flatMap((one) => controllersOf(one, seen)),
  ];
}

function routesOfController(controller: Type): Route[] {
  const prefixes = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
  const prototype = controller.prototype as Record<string, unknown>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (typeof handler !== 'function') return [];
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
    return prefixes.flatMap((prefix) =>
      paths.map((path) => ({
        method: RequestMethod[method],
        path: `/${[prefix, path].join('/').split('/').filter(Boolean).join('/')}`,
        controller,
        name,
        handler,
        ...requestOf(controller, name),
        ...contentTypeOf(handler),
      })),
    );
  });
}

/** The classes of the parameters that `@Body()` and `@Query()` mark. */
function requestOf(controller: Type, name: string): { body?: RequestClass; query?: RequestClass } {
  const marked = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<
    string,
    { index: number }
  >;
  const types = (Reflect.getMetadata(PARAMTYPES_METADATA, controller.prototype as object, name) ??
    []) as RequestClass[];
  const typeOf = (kind: RouteParamtypes) => {
    const found = Object.entries(marked).find(([key]) => key.startsWith(`${kind}:`));
    return found && types[found[1].index];
  };
  const body = typeOf(RouteParamtypes.BODY);
  const query = typeOf(RouteParamtypes.QUERY);
  return { ...(body && { body }), ...(query && { query }) };
}

function contentTypeOf(handler: object): { contentType?: string } {
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as { name: string; value: string }[];
  const value = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value.split(';')[0];
  return value === undefined ? {} : { contentType: value };
}
