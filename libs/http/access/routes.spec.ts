import { RequestMethod, type DynamicModule, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { expect, it } from 'vitest';
import { AppModule } from '../../../apps/sync-node/app.module.js';
import { needOf } from './route.access.js';

type Imported = Type | DynamicModule | { readonly forwardRef: () => Type };

/** All controllers of a module and of what it imports. */
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

/** `METHOD /path` of every handler of a controller. */
function routesOf(controller: Type): string[] {
  const prefixes = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
  const prototype = controller.prototype as Record<string, unknown>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    if (typeof handler !== 'function') return [];
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
    return prefixes.flatMap((prefix) =>
      paths.map((path) => `${RequestMethod[method]} /${[prefix, path].join('/').split('/').filter(Boolean).join('/')}`),
    );
  });
}

const routes = controllersOf(AppModule).flatMap(routesOf);

it('finds the routes of the application', () => {
  expect(routes).toEqual(
    expect.arrayContaining(['GET /health', 'GET /health/ready', 'POST /lock/acquire', 'DELETE /queue', 'GET /metrics']),
  );
});

it.each(routes)('the table of what calls need knows %s', (route) => {
  const [method = '', path = ''] = route.split(' ');
  expect(needOf(method, path)).toBeDefined();
});
