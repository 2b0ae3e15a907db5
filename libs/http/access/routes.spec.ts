import { expect, it } from 'vitest';
import { AppModule } from '../../../apps/sync-node/app.module.js';
import { routesOf } from '../../../scripts/openapi/routes.js';
import { needOf } from './route.access.js';

const routes = routesOf(AppModule).map(({ method, path }) => `${method} ${path}`);

it('finds the routes of the application', () => {
  expect(routes).toEqual(
    expect.arrayContaining(['GET /health', 'GET /health/ready', 'POST /lock/acquire', 'DELETE /queue', 'GET /metrics']),
  );
});

it.each(routes)('the table of what calls need knows %s', (route) => {
  const [method = '', path = ''] = route.split(' ');
  expect(needOf(method, path)).toBeDefined();
});
