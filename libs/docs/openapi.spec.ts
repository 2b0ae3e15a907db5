import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { AppModule } from '../../apps/sync-node/app.module.js';
import { openapiDocument } from '../../scripts/openapi/openapi.document.js';
import { operationsBeside } from '../../scripts/openapi/other.operations.js';

const FILE = fileURLToPath(new URL('../../openapi.json', import.meta.url));
const document = openapiDocument(AppModule);

it('openapi.json is what the code says (else: npm run docs:openapi)', async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(FILE);
});

it('is valid OpenAPI 3.1', async () => {
  expect(await new Validator().validate(structuredClone(document) as Record<string, unknown>)).toEqual({ valid: true });
});

it('has every route that Express has, and no other', async () => {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { preview: true, logger: false });
  await app.init();
  const { router } = app.getHttpAdapter().getInstance() as unknown as { router: { stack: Layer[] } };
  const routes = router.stack.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`) : [],
  );
  expect(routes).toContain('POST /lock/acquire');
  const documented = Object.entries(document['paths'] as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(documented.sort()).toEqual([...routes, ...Object.keys(operationsBeside)].sort());
});

it('says of every operation what it is for', () => {
  const operations = Object.values(document['paths'] as Record<string, Record<string, Operation>>).flatMap((path) =>
    Object.values(path),
  );
  for (const { operationId, summary } of operations) expect(summary, operationId).toMatch(/^[A-Z].{8,}/);
});

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
}
